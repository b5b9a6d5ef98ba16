"""The steps of an edit, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.editing.edit_state import EditState
from backend.editing.fit import Fit


@dataclass(frozen=True)
class InversionProgress:
    """One step of the inversion.

    Attributes:
        step: of `steps`.
        psnr: returns the likeness to the image in dB.
        fit: returns how well the model shows the image so far; None where the model has no encoder.
        preview: returns the model's image now, uint8 [h, w, 3]; each of the three costs one synthesis.
    """

    step: int
    steps: int
    psnr: Callable[[], float]
    fit: Callable[[], Fit | None]
    preview: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Guess:
    """What the model's encoder makes of an image at once, before the inversion.

    Attributes:
        fit: how well that shows the image, beside what the encoder makes of the model's own images.
        preview: returns the model's image of it, uint8 [h, w, 3].
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
        stuck: whether the drag is given up because no handle comes nearer.
        preview: returns the model's image at this step, uint8 [h, w, 3]; costs one synthesis.
    """

    step: int
    steps: int
    points: np.ndarray
    targets: np.ndarray
    distances: np.ndarray
    arrived: np.ndarray
    stuck: bool
    preview: Callable[[], np.ndarray]


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
