"""The drag of the toy engine: a square is where it is to be after one step, and after many the drag is over."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np
import torch

from backend.editing.drag_loop import LoopStep
from backend.editing.edit_state import EditState
from backend.editing.live_drag import LiveDrag, Steering
from backend.editing.report import DragRecord
from backend.editing.settings import DragSettings

LONG = 1000  # steps: more than any preset has


class Mover(Protocol):
    """Makes the pictures."""

    def code_of_moved(self, code: torch.Tensor, handle: np.ndarray, target: np.ndarray) -> torch.Tensor:
        """The code of what `code` shows with the square around `handle` moved to `target`."""
        ...


class PatchDrag(LiveDrag):
    """Moves what is around the first handle. Where there may be LONG or more steps, each takes a tenth of a second."""

    def __init__(self, mover: Mover, state: EditState, settings: DragSettings) -> None:
        self.region, self.settings, self.steering = state.region, settings, Steering()
        self._mover, self._before = mover, state.path
        self._base = self._code = state.w_plus
        self._bases = {0: self._base}  # where the drags of a revision began, and ended
        self._ends = {0: self._base}
        self._steps, self._last = 0, 0

    def follow(self, steering: Steering, mask: torch.Tensor | None) -> None:
        before, self.steering = self.steering, steering
        self._bases[before.revision], self._ends[before.revision] = self._base, self._code
        if steering.back_to is not None:
            known = max(revision for revision in self._bases if revision <= steering.back_to)
            self._base, self._code = self._bases[known], self._ends[known]
        elif next(iter(before.drags), None) != next(iter(steering.drags), None):
            self._base = self._code
        self._last = self._steps + (self._most if steering.drags and steering.running else 0)

    @property
    def _most(self) -> int:
        return self.settings.max_steps if self.settings.max_steps >= LONG else 1

    def advance(self) -> None:
        if not self.rests:
            if self._most > 1 and self._steps:
                time.sleep(0.1)
            self._steps += 1
            if self._last - self._steps == self._most - 1:
                self._code = self._moved(1.0)

    @property
    def rests(self) -> bool:
        return self._steps >= self._last or not self.steering.running or self.steering.how_far != 1

    def _moved(self, how_far: float) -> torch.Tensor:
        drag = next(iter(self.steering.drags.values()))
        handle, target = self.region.to_model(np.array([drag.handle, drag.target]))
        return self._mover.code_of_moved(self._base, handle, handle + how_far * (target - handle))

    def path(self) -> torch.Tensor:
        return torch.cat([self._before, self.shown().w_plus])

    def shown(self) -> LoopStep:
        how_far, drags = self.steering.how_far, list(self.steering.drags.values())
        moved = bool((self._code != self._base).any())
        code = self._moved(how_far) if how_far != 1 and moved and drags else self._code
        handles, targets = (
            self.region.to_model(np.array(points).reshape(-1, 2))
            for points in ([drag.handle for drag in drags], [drag.target for drag in drags])
        )
        points = handles + (how_far if moved else 0.0) * (targets - handles)
        distances = np.linalg.norm(targets - points, axis=1)
        return LoopStep(
            self._steps, code, points, distances, distances < 1, self._last, False, False, self._steps >= self._last
        )

    def record(self) -> DragRecord:
        drags = tuple(self.steering.drags.values())
        step = self.shown()
        return DragRecord(drags, step.distances, step, self.settings, 0.0, self.steering.how_far)
