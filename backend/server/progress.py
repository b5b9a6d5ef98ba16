"""The updates of a job's progress, and how many of them are sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from backend.editing.points import Drag
from backend.editing.steps import DragStep, InversionProgress
from backend.errors import Cancelled
from backend.server.protocol import Preview, Update

UPDATE_EVERY, PREVIEW_EVERY = 0.1, 0.3  # seconds
GOOD_FIT, FAIR_FIT = 26.0, 20.0  # dB; a photograph of what a model has never seen ends below 18

Step = TypeVar("Step", InversionProgress, DragStep)


class Throttle:
    """Lets through as many steps as a viewer can use, and ends the job when it is cancelled.

    Args:
        cancelled: whether the job is.
    """

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled
        self._update = self._preview = -float("inf")

    def check(self) -> None:
        """Raise Cancelled when the job has been cancelled."""
        if self._cancelled():
            raise Cancelled

    def limit(self, steps: Iterable[Step]) -> Iterator[tuple[Step, bool]]:
        """Yield (step, whether to show it) several times a second, and the last step in any case, shown."""
        unsent = None
        for step in steps:
            self.check()
            unsent, now = step, time.monotonic()
            if now - self._update >= UPDATE_EVERY:
                unsent, self._update = None, now
                preview = now - self._preview >= PREVIEW_EVERY
                self._preview = now if preview else self._preview
                yield step, preview
        if unsent is not None:
            yield unsent, True


def inversion_update(step: InversionProgress, box: tuple[int, int, int, int], psnr: float, preview: bool) -> Update:
    """Return an update of the inversion, or of the tuning after it.

    Args:
        box: the region (x, y, width, height).
        psnr: dB, as last measured: it costs a synthesis, as a preview does.
        preview: whether to show this step.
    """
    return Update(
        phase="invert",
        step=step.step,
        steps=step.steps,
        message=f"{_doing(step)} It fits the layer {_fit(psnr)} so far.",
        region=box,
        preview=Preview.of(step.preview()) if preview else None,
    )


def _doing(step: InversionProgress) -> str:
    if not step.tuning:
        return "Finding the picture in the model."
    left = f", about {step.seconds_left:.0f} seconds to go" if step.seconds_left >= 1 else ""
    return f"Making the likeness exact{left}."


def _fit(psnr: float) -> str:
    """Say in an artist's words how alike the model's image and the layer are; psnr is in dB."""
    return "well" if psnr >= GOOD_FIT else "fairly" if psnr >= FAIR_FIT else "only roughly"


def drag_update(step: DragStep, drags: list[Drag], box: tuple[int, int, int, int], preview: bool) -> Update:
    """Return an update of the drag, with a preview or without; `box` is the region (x, y, width, height)."""
    moved = [index for index, drag in enumerate(drags) if not drag.is_pin]
    left = max(step.distances[index] for index in moved)
    return Update(
        phase="drag",
        step=step.step,
        steps=step.steps,
        message=f"{int(step.arrived[moved].sum())} of {len(moved)} points have arrived, {left:.0f} pixels to go.",
        points=[(float(x), float(y)) for x, y in step.points],
        targets=[(float(x), float(y)) for x, y in step.targets],
        distances=[float(distance) for distance in step.distances],
        arrived=[bool(arrived) for arrived in step.arrived],
        region=box,
        preview=Preview.of(step.preview()) if preview else None,
    )
