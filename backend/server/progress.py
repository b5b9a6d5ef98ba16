"""The updates of a job's progress, and how many of them are sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

from backend.editing.fit import IN_WORDS, Fit
from backend.editing.preset import LoadedModel
from backend.editing.steps import DragStep, InversionProgress
from backend.errors import Cancelled
from backend.models import models
from backend.models.models import Offered
from backend.server.protocol import Preview, Update

UPDATE_EVERY, PREVIEW_EVERY = 0.1, 0.5  # seconds
PREVIEW_SHARE = 0.2  # of the time, at most: of a large model, a preview costs as much as many steps

Box = tuple[int, int, int, int]
Step = TypeVar("Step", InversionProgress, DragStep)


class Throttle:
    """Lets through as many steps as a viewer can use, and ends the job when it is cancelled.

    Args:
        cancelled: whether the job is.
    """

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled
        self._update = self._next_preview = -float("inf")

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
                preview = now >= self._next_preview
                yield step, preview
                if preview:
                    self._next_preview = now + max(PREVIEW_EVERY, (time.monotonic() - now) / PREVIEW_SHARE)
        if unsent is not None:
            yield unsent, True


def inversion_update(step: InversionProgress, box: Box, fit: Fit | None, preview: bool) -> Update:
    """Return an update of the inversion, or of the tuning after it.

    Args:
        box: the region (x, y, width, height).
        fit: of the encoder's guess; None where nobody can tell.
        preview: whether to show this step.
    """
    return Update(
        phase="invert",
        step=step.step,
        steps=step.steps,
        message=_doing(step) + (f" It fits the layer {IN_WORDS[fit]} so far." if fit else ""),
        region=box,
        preview=Preview.of(step.preview()) if preview else None,
    )


def _doing(step: InversionProgress) -> str:
    if not step.tuning:
        return "Finding the picture in the model."
    left = f", about {step.seconds_left:.0f} seconds to go" if step.seconds_left >= 1 else ""
    return f"Making the likeness exact{left}."


def unfit_update(loaded: LoadedModel, box: Box, preview: np.ndarray, better: Offered | None) -> Update:
    """Return the update that ends a job whose client wants to be asked.

    Args:
        loaded: the model that cannot show the layer.
        box: the region (x, y, width, height).
        preview: uint8 [h, w, 3].
        better: another model, which can.
    """
    message = f"{loaded.misfit('layer')}."
    if better is not None:
        message += f' The model "{better.title}" fits it better.'
    name = better.name if better is not None else None
    return Update(phase="unfit", message=message, region=box, preview=Preview.of(preview), better_model=name)


def load_update(name: str) -> Update:
    """Return the update of a model that is opened."""
    return Update(phase="load", message=f"Opening the model {models.title_of(name)}.")


def drag_update(step: DragStep, box: Box, preview: np.ndarray | None) -> Update:
    """Return an update of the drag, with a preview or without; `box` is the region (x, y, width, height)."""
    return Update(
        phase="drag",
        step=step.step,
        steps=step.steps,
        message=step.refused[1] if step.refused else _arrived(step),
        points=[(float(x), float(y)) for x, y in step.points],
        targets=[(float(x), float(y)) for x, y in step.targets],
        distances=[float(distance) for distance in step.distances],
        arrived=[bool(arrived) for arrived in step.arrived],
        region=box,
        preview=None if preview is None else Preview.of(preview),
        revision=step.revision,
        ids=list(step.ids),
        running=step.running,
        refused=step.refused[0] if step.refused else None,
    )


def _arrived(step: DragStep) -> str:
    moved = ~step.pins
    if not moved.any():
        return "Nothing is to be moved yet."
    left = step.distances[moved].max()
    return f"{int(step.arrived[moved].sum())} of {moved.sum()} points have arrived, {left:.0f} pixels to go."
