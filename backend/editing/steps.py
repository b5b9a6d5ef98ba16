"""The steps of an edit, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.editing.edit_state import EditState
from backend.editing.fit import Fit
from backend.editing.pivotal_tuning import TuningStep
from backend.editing.region import Region


@dataclass(frozen=True)
class InversionProgress:
    """One step of the inversion, or of the tuning after it.

    Attributes:
        step: of `steps`, those of both.
        psnr: returns the likeness to the image in dB.
        preview: returns the model's image now, uint8 [h, w, 3], in the region's rectangle.
        region: where it lies on the layer.
        tuning: whether the generator is being tuned.
        seconds_left: of the tuning, if it takes all its steps; 0 as long as nobody knows.

    Likeness and image may cost one synthesis each.
    """

    step: int
    steps: int
    psnr: Callable[[], float]
    preview: Callable[[], np.ndarray]
    region: Region
    tuning: bool = False
    seconds_left: float = 0.0

    @classmethod
    def of_tuning(
        cls, step: TuningStep, done: int, preview: Callable[[], np.ndarray], region: Region
    ) -> InversionProgress:
        """Return a step of the tuning as one of the whole way, of which `done` steps were before."""
        return cls(
            done + step.step,
            done + step.steps,
            lambda: step.psnr,
            preview,
            region,
            tuning=True,
            seconds_left=step.seconds_left,
        )


@dataclass(frozen=True)
class Guess:
    """What the model's encoder makes of an image at once, before the inversion.

    Attributes:
        fit: how well that shows the image, beside what the encoder makes of the model's own images.
        preview: returns the model's image of it, uint8 [h, w, 3], in the region's rectangle.
    """

    fit: Fit
    preview: Callable[[], np.ndarray]


@dataclass(frozen=True)
class DragStep:
    """One step of a drag.

    Attributes:
        step: of `steps`, 0 is the start.
        points: [N, 2], (x, y) in layer pixels, where point tracking finds the handles.
        targets: [N, 2], (x, y) in layer pixels.
        distances: [N], layer pixels to go, along the way-points.
        arrived: bool [N].
        pins: bool [N], which of them are to stay.
        stuck: whether the drag is given up because no handle comes nearer.
        running: whether there is a next step, as long as nothing else is wanted.
        revision: what is in force of what is wanted.
        ids: of the drags, in their order.
        refused: a newer revision that cannot be, and the sentence that says why.
        preview: returns the model's image at this step, uint8 [h, w, 3], in the region's rectangle, of a large model
            as a draft; costs as much as many steps.
        change: returns what of that is to be laid over the layer so that it is seen, uint8 [h, w, 4]; costs as much.
    """

    step: int
    steps: int
    points: np.ndarray
    targets: np.ndarray
    distances: np.ndarray
    arrived: np.ndarray
    pins: np.ndarray
    stuck: bool
    running: bool
    revision: int
    ids: tuple[int, ...]
    refused: tuple[int, str] | None
    preview: Callable[[], np.ndarray]
    change: Callable[[], np.ndarray]


@dataclass(frozen=True)
class EditResult:
    """The region after an edit.

    Attributes:
        source: uint8 [h, w, 4], the region of the artist's layer.
        layer: uint8 [h, w, 4], the same after the edit.
        mask: uint8 [h, w], the changed area.
        offset: (x, y) of these on the artist's layer.
        state: what a next edit goes on from.
        report: plain data: model, settings, distances, seconds.
    """

    source: np.ndarray
    layer: np.ndarray
    mask: np.ndarray
    offset: tuple[int, int]
    state: EditState
    report: dict[str, object]
