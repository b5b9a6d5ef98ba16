"""A drag that can be steered: what is wanted of it may change before each step. One that never is, is a plain drag."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import numpy as np
import torch

import stylegan2
from backend.editing.code_path import CodePath, code_at, length_of
from backend.editing.drag_loop import DragLoop, LoopStep, Snapshot
from backend.editing.handles import Aim
from backend.editing.points import Drag
from backend.editing.region import Region
from backend.editing.report import DragRecord
from backend.editing.settings import DragSettings


@dataclasses.dataclass(frozen=True)
class Steering:
    """All that is wanted of a drag.

    Attributes:
        revision: grows with each change.
        drags: by ids, which name the same drag from one revision to the next.
        mask: uint8 [H, W] of the layer's size, 255 = may move; everything may by default.
        running: False rests.
        how_far: the place shown, and kept, of the way that the edit has gone; while it is not 1 nothing moves.
        back_to: an earlier revision, at whose last state this one begins.
        stops: the earlier revisions that a later `back_to` may name.
    """

    revision: int = 0
    drags: Mapping[int, Drag] = dataclasses.field(default_factory=dict)
    mask: np.ndarray | None = None
    running: bool = True
    how_far: float = 1.0
    back_to: int | None = None
    stops: tuple[int, ...] = ()


class LiveDrag:
    """The drag of an open edit, step after step."""

    def __init__(
        self,
        generator: stylegan2.Generator,
        w_plus: torch.Tensor,
        path: torch.Tensor,
        region: Region,
        settings: DragSettings,
    ) -> None:
        """Begin where the edit is, with nothing wanted.

        Args:
            generator: of the edit.
            w_plus: [1, num_ws, w_dim], where it is.
            path: [T, num_ws, w_dim], the way that it has gone.
            region: what the model sees of the layer.
            settings: the constants of the drag.
        """
        self.region, self.settings = region, settings
        self.steering = Steering()
        self._loop = DragLoop(generator, w_plus, np.zeros((0, 2)), [], None, settings)
        self._way, self._length_before = CodePath(path), length_of(path)
        self._stops: dict[int, tuple[Snapshot, CodePath]] = {0: self._stop()}
        self._now = self._loop.look()
        self._seconds = 0.0

    def follow(self, steering: Steering, mask: torch.Tensor | None) -> None:
        """Take what is wanted now; it takes effect with the next step.

        Args:
            steering: newer than the one in force.
            mask: float [height, width], that of `steering` as the model sees it.
        """
        started, before = time.perf_counter(), self.steering
        self._stops[before.revision] = self._stop()
        self.steering = steering
        if steering.back_to is not None:
            snapshot, way = self._stops[self._known(steering.back_to)]
            self._loop.restore(snapshot)
            self._way = way.copy()
        if steering.mask is not before.mask:
            self._loop.restrain(mask)
        if steering.back_to is not None or (steering.drags, steering.running) != (before.drags, before.running):
            self._loop.aim([self._aim(id, drag) for id, drag in steering.drags.items()])
        kept = {0, *(self._known(revision) for revision in steering.stops)}
        self._stops = {revision: stop for revision, stop in self._stops.items() if revision in kept}
        self._now = self._loop.look()
        self._seconds += time.perf_counter() - started

    def advance(self) -> None:
        """Take one step, where there is one to be taken."""
        if not self.rests:
            started = time.perf_counter()
            self._loop.move()
            self._now = self._loop.look()
            self._way.add(self._now.w_plus)
            self._seconds += time.perf_counter() - started

    @property
    def rests(self) -> bool:
        """Whether there is nothing to be done until something else is wanted."""
        return self._now.over or not self.steering.running or self.steering.how_far != 1

    def path(self) -> torch.Tensor:
        """Return the way of the edit to what is shown, [T, num_ws, w_dim]."""
        return self._way.until(self.steering.how_far)

    def shown(self) -> LoopStep:
        """Return the step that is shown: the latest, or what is at the wanted place of the way.

        There the points are taken to be on the straight line from the handle to where it has gone.
        """
        how_far = self.steering.how_far
        if how_far == 1:
            return self._now
        share = self._share(how_far)
        aims = [handle.aim for handle in self._loop.handles]
        starts = np.array([aim.handle for aim in aims]).reshape(-1, 2)
        lengths = np.array([aim.length for aim in aims])
        distances = np.abs(lengths + share * (self._now.distances - lengths))
        return dataclasses.replace(
            self._now,
            w_plus=code_at(self._way.codes(), how_far).to(self._now.w_plus),
            points=starts + share * (self._now.points - starts),
            distances=distances,
            arrived=distances <= self._loop.stop_radius,
        )

    def record(self) -> DragRecord:
        """Return what the report tells of it."""
        lengths = np.array([handle.aim.length for handle in self._loop.handles])
        drags = tuple(self.steering.drags.values())
        return DragRecord(drags, lengths, self.shown(), self.settings, self._seconds, self.steering.how_far)

    def _stop(self) -> tuple[Snapshot, CodePath]:
        return self._loop.snapshot(), self._way.copy()

    def _known(self, revision: int) -> int:
        """The revision that was in force when `revision` was the newest: that may have come too late to be it."""
        return max(known for known in self._stops if known <= max(revision, 0))

    def _aim(self, id: int, drag: Drag) -> Aim:
        points = self.region.to_model(np.array(drag.points))
        return Aim(id, points[0], points[1:])

    def _share(self, how_far: float) -> float:
        """The share of this drag's way that belongs to a share of the whole edit's."""
        length = length_of(self._way.codes())
        if how_far > 1 or length <= self._length_before:
            return how_far
        return max(0.0, (how_far * length - self._length_before) / (length - self._length_before))
