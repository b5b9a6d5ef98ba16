"""The part of a layer that the model sees, and the one place where layer and model coordinates are converted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from backend.editing.points import Drag
from backend.errors import UserError

SAME_ASPECT = 0.02  # a layer whose aspect differs by less is taken whole
MINIMUM_SIDE = 16  # pixels; below that there is no image to find
SELECTION_MARGIN = 0.15  # of the selection's longer side, left free around it
LAYER, SELECTION = "layer", "selection"

Box = tuple[int, int, int, int]  # x, y, width, height in whole layer pixels


@dataclasses.dataclass(frozen=True)
class Region:
    """A rectangle of the layer, in whole layer pixels, and the size (height, width) of the model's image.

    Both coordinate systems have (0, 0) at the top left CORNER and pixel centres at +0.5, so the conversion is a
    shift and a scale; it is the convention of sampling with align_corners=False.
    """

    x: int
    y: int
    width: int
    height: int
    model_size: tuple[int, int]

    @property
    def scale(self) -> tuple[float, float]:
        """Layer pixels per model pixel, along x and y."""
        return self.width / self.model_size[1], self.height / self.model_size[0]

    def to_model(self, points: np.ndarray) -> np.ndarray:
        """Convert points [..., 2] (x, y) from layer pixels to pixels of the model's image."""
        return (np.asarray(points, np.float64) - (self.x, self.y)) / self.scale

    def to_layer(self, points: np.ndarray) -> np.ndarray:
        """Convert points [..., 2] (x, y) from pixels of the model's image to layer pixels."""
        return np.asarray(points, np.float64) * self.scale + (self.x, self.y)

    def crop(self, pixels: np.ndarray) -> np.ndarray:
        """Return the region's part of `pixels` [H, W] or [H, W, C], a view."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]

    def shrink(self, part: np.ndarray) -> np.ndarray:
        """Resample what crop() returned, uint8 [h, w] or [h, w, C], to the size of the model's image."""
        height, width = self.model_size
        image = Image.fromarray(np.ascontiguousarray(part))
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))

    def shrink_mask(self, part: np.ndarray) -> np.ndarray:
        """Resample what crop() returned of a mask, uint8 [h, w]: the mean of what falls on each model pixel."""
        height, width = self.model_size
        return np.asarray(Image.fromarray(np.ascontiguousarray(part)).resize((width, height), Image.Resampling.BOX))

    def check_inside(self, drags: Sequence[Drag]) -> None:
        """Raise UserError when a handle or target lies outside the region."""
        for drag in drags:
            for name, (x, y) in (("handle", drag.handle), *(("target", goal) for goal in drag.goals)):
                if not (self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height):
                    raise UserError(
                        f"The {name} at {x:g}, {y:g} lies outside the part of the layer that the model sees "
                        f"({self.width} x {self.height} pixels at {self.x}, {self.y}); move it inside, or select the "
                        f"subject and choose the region around the selection."
                    )

    def check_mask(self, mask: np.ndarray, layer_size: tuple[int, int]) -> None:
        """Raise UserError unless `mask` (uint8 [H, W]) has the layer's size (height, width) and allows some motion."""
        if mask.shape != layer_size:
            raise UserError(
                f"The mask is {mask.shape[1]} x {mask.shape[0]} pixels and the picture {layer_size[1]} x "
                f"{layer_size[0]}; give a mask of the picture's size."
            )
        if not self.crop(mask).any():
            raise UserError("Nothing may move: the mask or selection is empty where the model looks; widen it.")


def choose_region(
    layer_size: tuple[int, int],
    model_size: tuple[int, int],
    selected: Box | None = None,
    where: str = LAYER,
) -> Region:
    """Choose the rectangle that is handed to the model.

    Args:
        layer_size: (height, width).
        model_size: (height, width) of the model's image.
        selected: the box around what is selected on the layer, or None.
        where: "layer" takes the whole layer when it has the model's aspect, else the largest centred rectangle that
            has; "selection" takes the smallest such rectangle around the selection, kept inside the layer.

    Raises:
        UserError: the layer is too small, or nothing is selected.
    """
    height, width = layer_size
    if min(height, width) < MINIMUM_SIDE:
        raise UserError(
            f"The layer is {width} x {height} pixels; it must be at least {MINIMUM_SIDE} pixels wide and high."
        )
    if where == LAYER:
        return _centred(height, width, model_size)
    if where != SELECTION:
        raise UserError(f"The region must be 'layer' or 'selection', not {where!r}.")
    if selected is None:
        raise UserError("Nothing is selected on this layer; select the subject, or choose the whole layer as region.")
    return _around(selected, layer_size, model_size)


def box_around(mask: np.ndarray | None) -> Box | None:
    """Return the smallest box around all of `mask` [H, W] that is not zero; None when there is nothing."""
    if mask is None or not mask.any():
        return None
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)


def _centred(height: int, width: int, model_size: tuple[int, int]) -> Region:
    aspect = model_size[1] / model_size[0]
    if abs(width / height / aspect - 1) <= SAME_ASPECT:
        return Region(0, 0, width, height, model_size)
    box_width, box_height = _largest(height, width, aspect)
    return Region((width - box_width) // 2, (height - box_height) // 2, box_width, box_height, model_size)


def _around(selected: Box, layer_size: tuple[int, int], model_size: tuple[int, int]) -> Region:
    (left, top, across, down), (height, width) = selected, layer_size
    aspect = model_size[1] / model_size[0]
    margin = SELECTION_MARGIN * max(across, down)
    wanted_height = max(down + 2 * margin, (across + 2 * margin) / aspect, MINIMUM_SIDE)
    largest_width, largest_height = _largest(height, width, aspect)
    box_height = min(round(wanted_height), largest_height)
    box_width = min(round(box_height * aspect), largest_width)
    x = round(min(max(left + (across - box_width) / 2, 0), width - box_width))
    y = round(min(max(top + (down - box_height) / 2, 0), height - box_height))
    return Region(x, y, box_width, box_height, model_size)


def _largest(height: int, width: int, aspect: float) -> tuple[int, int]:
    """Width and height of the largest rectangle of `aspect` (width / height) inside height x width."""
    if width / height > aspect:
        return min(round(height * aspect), width), height
    return width, min(round(width / aspect), height)
