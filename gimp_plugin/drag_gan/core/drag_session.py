"""What the artist wants in the drag window, with all steps back: drags, pins, what may move. Nothing of GIMP.

Each change has a number, its revision; the backend is told the newest. A step back names the revision at whose end
the picture was as it is wanted again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from backend.client import Update, png
from backend.client.steering import SteeredDrag, Steering
from core.drags import Drag

Point = tuple[float, float]
MOST_STEPS = 100  # that can be taken back
AS_PULLED = 1.0


@dataclass(frozen=True)
class Scene:
    """All that can be taken back.

    Args:
        drags: in the order in which they came.
        mask: what may move, small; None: as the job was opened.
    """

    drags: tuple[SteeredDrag, ...] = ()
    mask: png.Pixels | None = None


@dataclass
class _Step:
    """A scene, and the newest revision that wanted it."""

    scene: Scene
    revision: int


class DragSession:
    """The artist's wishes and their history.

    Attributes:
        chosen: the id of the drag that is chosen, None without one.
        points: where the handles are by now, by their ids.
    """

    def __init__(self, drags: Iterable[Drag] = ()) -> None:
        self._ids = itertools.count()
        self._revision, self._back_to, self._settled = 1, None, 1
        self._steps, self._at = [_Step(Scene(self._steered(drags)), 1)], 0
        self._running, self._how_far = True, AS_PULLED
        self._moved = False
        self.chosen: int | None = None
        self.points: dict[int, Point] = {}

    @property
    def scene(self) -> Scene:
        """What is wanted now."""
        return self._steps[self._at].scene

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back."""
        return self._at < len(self._steps) - 1

    @property
    def can_keep(self) -> bool:
        """Whether the subject has moved."""
        return self._moved

    @property
    def pulls(self) -> bool:
        """Whether anything is to be moved: pins alone do not."""
        return any(not is_pin(drag) for drag in self.scene.drags)

    @property
    def running(self) -> bool:
        """Whether the subject is to follow now."""
        return self._running

    @property
    def follows(self) -> bool:
        """Whether the subject goes where it is pulled, as soon as it can."""
        return self._running and self._how_far == AS_PULLED

    @property
    def how_far(self) -> float:
        """The place on the way gone that is shown."""
        return self._how_far

    def steering(self) -> Steering:
        """Return what the backend is to be told."""
        stops = sorted({step.revision for step in self._steps})
        scene, mask = self.scene, self.scene.mask
        return Steering(
            revision=self._revision,
            drags=scene.drags,
            mask=None if mask is None else png.packed(mask),
            running=self._running,
            how_far=self._how_far,
            back_to=self._back_to,
            stops=tuple(stop for stop in stops if stop < self._revision),
        )

    def take(self, update: Update) -> None:
        """Learn from the backend where the handles are, and what it has heard."""
        if update.revision >= self._settled:
            self._back_to = None
        if update.ids:
            self.points = dict(zip(update.ids, update.points, strict=False))
        self._moved = self._moved or (update.phase == "drag" and update.step > 0)

    def begin_anew(self) -> None:
        """Another job takes over, which begins with the layer as it is; the steps are kept."""
        for step in self._steps:
            step.revision = 0
        self._back_to, self._moved = None, False
        self.points = {}
        self._number()

    def change(self, scene: Scene, same_step: bool = False) -> None:
        """Want another scene.

        Args:
            same_step: whether it is a part of the step before, as when the mouse moves on.
        """
        if not same_step:
            del self._steps[self._at + 1 :]
            self._steps.append(_Step(scene, 0))
            del self._steps[:-MOST_STEPS]
            self._at = len(self._steps) - 1
            self._back_to = None
        self._steps[self._at].scene = scene
        self._number()

    def undo(self) -> None:
        """Take the last step back, if there is one, and the picture with it."""
        if self.can_undo:
            self._go_to(self._at - 1)

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.can_redo:
            self._go_to(self._at + 1)

    def run(self, running: bool) -> None:
        """Let the subject follow, or rest."""
        self._running = running
        self._number()

    def go(self, how_far: float) -> None:
        """Show another place of the way gone."""
        self._how_far = how_far
        self._number()

    def add(self, handle: Point, target: Point) -> int:
        """Add a drag, or a pin where both are the same, and choose it; return its id."""
        drag = SteeredDrag(next(self._ids), handle, target)
        self.change(replace(self.scene, drags=(*self.scene.drags, drag)))
        self.chosen = drag.id
        return drag.id

    def replace_drags(self, old: Collection[int], drags: Iterable[Drag]) -> set[int]:
        """Want these drags instead of those with some ids, on the layer as it is; return their own."""
        new, others = self._steered(drags), tuple(drag for drag in self.scene.drags if drag.id not in old)
        self.chosen = None
        self.change(replace(self.scene, drags=(*new, *others)))
        self._back_to, self._settled = 0, self._revision  # a path lies on the layer, not on what was pulled of it
        return {drag.id for drag in new}

    def pull_on(self, number: int, target: Point, same_step: bool) -> None:
        """Give a drag another target; a pin is put elsewhere."""
        drag = self.drag(number)
        if drag is not None:
            other = SteeredDrag(next(self._ids), target, target) if is_pin(drag) else replace(drag, target=target)
            self._swap(drag, other, same_step)

    def grip_elsewhere(self, number: int, handle: Point, same_step: bool) -> None:
        """Let a drag pull another point of the subject to the same target: the old way there is of no use."""
        drag = self.drag(number)
        if drag is not None:
            self._swap(drag, SteeredDrag(next(self._ids), handle, drag.target), same_step)

    def remove_chosen(self) -> None:
        """Remove the drag that is chosen."""
        if self.drag(self.chosen) is not None:
            drags = tuple(drag for drag in self.scene.drags if drag.id != self.chosen)
            self.chosen = None
            self.change(replace(self.scene, drags=drags))

    def paint(self, mask: png.Pixels, same_step: bool) -> None:
        """Want another mask."""
        self.change(replace(self.scene, mask=mask), same_step)

    def drag(self, number: int | None) -> SteeredDrag | None:
        """Return the drag with an id."""
        return next((drag for drag in self.scene.drags if drag.id == number), None)

    def place_of(self, drag: SteeredDrag) -> Point:
        """Return where the handle of a drag is by now."""
        return self.points.get(drag.id, drag.handle)

    def nearest(self, point: Point, reach: float) -> tuple[int, str] | None:
        """Return the marker at a point: the id of its drag, and "target" or "handle"; None where there is none.

        Args:
            reach: how far from a marker a point still means it, in pixels of the layer.
        """
        found = []
        for drag in self.scene.drags:
            for order, (part, place) in enumerate((("target", drag.target), ("handle", self.place_of(drag)))):
                distance = math.dist(point, place)
                if distance <= reach and not (part == "handle" and is_pin(drag)):
                    found.append((order, drag.id != self.chosen, distance, drag.id, part))
        return min(found)[3:] if found else None

    def _go_to(self, at: int) -> None:
        self._at = at
        self._back_to = self._steps[at].revision
        self.chosen = self.chosen if self.drag(self.chosen) else None
        self._number()
        self._settled = self._revision

    def _number(self) -> None:
        self._revision += 1
        self._steps[self._at].revision = self._revision

    def _swap(self, old: SteeredDrag, new: SteeredDrag, same_step: bool) -> None:
        drags = tuple(new if drag.id == old.id else drag for drag in self.scene.drags)
        self.chosen = new.id
        self.change(replace(self.scene, drags=drags), same_step)

    def _steered(self, drags: Iterable[Drag]) -> tuple[SteeredDrag, ...]:
        return tuple(SteeredDrag(next(self._ids), drag.handle, drag.target, drag.via) for drag in drags)


def is_pin(drag: SteeredDrag) -> bool:
    """Whether the point is only to be held where it is."""
    return drag.handle == drag.target and not drag.via
