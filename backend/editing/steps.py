"""What an edit tells of its steps, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.editing.edit_state import EditState


@dataclass(frozen=True)
class InversionProgress:
    """One step of the inversion.

    psnr: dB, likeness to the picture;  preview: called, gives the model's image now, uint8 [h, w, 3].
    """

    step: int
    steps: int
    psnr: Callable[[], float]
    preview: Callable[[], np.ndarray]


@dataclass(frozen=True)
class DragStep:
    """One step of a drag, in layer pixels.

    points: [N, 2], where the tracker sees the handles;  targets: [N, 2];  distances: [N], still to go (along the
    way-points);  arrived: [N] bool;  stuck: True when the drag is given up because nothing came nearer;
    preview: called, gives the model's image at this step, uint8 [h, w, 3], for the price of one synthesis.
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
    """Of the region: source and layer, before and after, uint8 [h, w, 4];  mask: uint8 [h, w], the changed area.

    offset: (x, y) of layer and mask on the artist's layer.
    """

    source: np.ndarray
    layer: np.ndarray
    mask: np.ndarray
    offset: tuple[int, int]
    state: EditState
    report: dict[str, object]
