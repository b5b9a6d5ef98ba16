"""The part of a layer that the model sees, and the one place where layer and model coordinates are converted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from backend.editing.frame import Frame
from backend.editing.points import Drag
from backend.errors import UserError

SAME_ASPECT = 0.02  # a layer whose aspect differs by less is taken whole
MINIMUM_SIDE = 16  # pixels; below that there is no image to find
ROUNDING = 1e-6  # pixels
SELECTION_MARGIN = 0.15  # of the selection's longer side, left free around it
LAYER, SELECTION = "layer", "selection"

Box = tuple[int, int, int, int]  # x, y, width, height in whole layer pixels


@dataclasses.dataclass(frozen=True)
class Region:
    """A rectangle of the layer, in whole layer pixels, and the size (height, width) of the model's image.

    Both coordinate systems have (0, 0) at the top left CORNER and pixel centres at +0.5, so the conversion is a
    shift and a scale; it is the convention of sampling with align_corners=False. With a `frame` the model sees what
    lies in that, which may be turned and may reach beyond the layer; the rectangle is the one around it, as far as
    there is a layer.
    """

    x: int
    y: int
    width: int
    height: int
    model_size: tuple[int, int]
    frame: Frame | None = None

    def __post_init__(self) -> None:
        if self.frame is None:
            return
        # a saved edit can hold anything, and what is computed on the rectangle is as fine as the model's image
        side, most = self.shorter_side, math.hypot(*self.model_size) * self.frame.scale
        if side < MINIMUM_SIDE or max(self.width, self.height) > most + 2:
            raise ValueError(f"a frame that does not fit its rectangle: {self.frame}, {self.box}")

    @classmethod
    def framed(cls, frame: Frame, layer_size: tuple[int, int], model_size: tuple[int, int]) -> Region:
        """Return the region of what the model sees in a frame.

        Args:
            frame: on the layer; it may reach beyond it.
            layer_size: (height, width).
            model_size: (height, width) of the model's image.

        Raises:
            UserError: the frame lies beside the layer.
        """
        corners, size = frame.corners(model_size), np.array(layer_size[::-1])
        # a corner on a pixel's edge, but for rounding, does not reach into the next one
        left, top = np.floor(corners.min(axis=0) + ROUNDING).clip(0, size).astype(int).tolist()
        right, bottom = np.ceil(corners.max(axis=0) - ROUNDING).clip(0, size).astype(int).tolist()
        if left >= right or top >= bottom:
            raise UserError("What the model would see lies beside the layer; select the subject, and drag again.")
        return cls(left, top, right - left, bottom - top, model_size, frame)

    @property
    def box(self) -> Box:
        """The rectangle: x, y, width, height."""
        return self.x, self.y, self.width, self.height

    @property
    def scale(self) -> tuple[float, float]:
        """Layer pixels per model pixel, along x and y."""
        if self.frame is not None:
            return self.frame.scale, self.frame.scale
        return self.width / self.model_size[1], self.height / self.model_size[0]

    @property
    def shorter_side(self) -> float:
        """Of what the model sees, in layer pixels."""
        if self.frame is None:
            return min(self.width, self.height)
        return self.frame.scale * min(self.frame.seen(self.model_size))

    def moved_to(self, x: int, y: int) -> Region:
        """Return the same part of a layer on which the rectangle's corner is at (x, y)."""
        frame = self.frame and self.frame.moved(x - self.x, y - self.y)
        return dataclasses.replace(self, x=x, y=y, frame=frame)

    def to_model(self, points: np.ndarray) -> np.ndarray:
        """Convert points [..., 2] (x, y) from layer pixels to pixels of the model's image."""
        if self.frame is not None:
            return self.frame.to_model(points, self.model_size)
        return (np.asarray(points, np.float64) - (self.x, self.y)) / self.scale

    def to_layer(self, points: np.ndarray) -> np.ndarray:
        """Convert points [..., 2] (x, y) from pixels of the model's image to layer pixels."""
        if self.frame is not None:
            return self.frame.to_layer(points, self.model_size)
        return np.asarray(points, np.float64) * self.scale + (self.x, self.y)

    def crop(self, pixels: np.ndarray) -> np.ndarray:
        """Return the rectangle's part of `pixels` [H, W] or [H, W, C], a view."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]

    def shrink(self, part: np.ndarray) -> np.ndarray:
        """Resample what crop() returned, uint8 [h, w] or [h, w, C], to what the model sees, of its image's size.

        Where a frame reaches beyond a layer with alpha (C = 4), it sees nothing there.
        """
        return self._shown(part, Image.Resampling.LANCZOS)

    def shrink_mask(self, part: np.ndarray) -> np.ndarray:
        """Resample what crop() returned of a mask, uint8 [h, w]: the mean of what falls on each model pixel."""
        return self._shown(part, Image.Resampling.BOX)

    def is_empty(self, part: np.ndarray) -> bool:
        """Tell whether all that the model sees of what crop() returned, uint8 [h, w, 4], is transparent."""
        return not (part if self.frame is None else self.shrink(part))[..., 3].any()

    def _shown(self, part: np.ndarray, smoothing: Image.Resampling) -> np.ndarray:
        if self.frame is not None:
            return self.frame.moved(-self.x, -self.y).view(part, self.model_size, smoothing)
        return resized(part, self.model_size, smoothing)

    def inside(self, x: np.ndarray, y: np.ndarray, layer_size: tuple[int, int], reach: float) -> np.ndarray:
        """Tell how far pixels are inside of what the model sees.

        Args:
            x: float32 [n], pixel centres in layer pixels from the rectangle's corner.
            y: float32 [m], the same.
            layer_size: (height, width).
            reach: layer pixels.

        Returns:
            Float32 [m, n]: 1 inside, falling over `reach` to 0 at the sides that lie inside the layer, and beyond.
        """
        inside = np.ones((len(y), len(x)), np.float32)
        for right, down, start in self._cuts(layer_size).astype(np.float32):
            across, along = right * x if right else 0, down * y[:, None] if down else 0  # a row, or a column, if it can
            inside = np.minimum(inside, (across + along + start) / reach)
        return inside.clip(0)

    def _cuts(self, layer_size: tuple[int, int]) -> np.ndarray:
        """The sides of what the model sees that lie inside the layer, as Frame.sides(), from the rectangle's corner."""
        (height, width), (right, bottom) = layer_size, (self.x + self.width, self.y + self.height)
        if self.frame is None:
            sides = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, self.width], [0, -1, self.height]], np.float64)
            return sides[[self.x > 0, self.y > 0, right < width, bottom < height]]
        sides = self.frame.moved(-self.x, -self.y).sides(self.model_size)
        # what the layer has beyond a side, it has at a corner of the rectangle, or in the row of pixels beside it
        x = -(self.x > 0), self.width + (right < width)
        y = -(self.y > 0), self.height + (bottom < height)
        corners = np.array([[across, down, 1] for across in x for down in y])
        return sides[(sides @ corners.T).min(axis=1) < -0.5]

    def check_inside(self, drags: Sequence[Drag]) -> None:
        """Raise UserError when a handle or target lies outside what the model sees of the layer."""
        for drag in drags:
            for name, (x, y) in (("handle", drag.handle), *(("target", goal) for goal in drag.goals)):
                if not self._shows(x, y):
                    raise UserError(
                        f"The {name} at {x:g}, {y:g} lies outside the part of the layer that the model sees "
                        f"({self._in_words()}); move it inside, or select the "
                        f"subject and choose the region around the selection."
                    )

    def _shows(self, x: float, y: float) -> bool:
        inside = self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height
        if self.frame is not None:
            inside = inside and bool((self.frame.sides(self.model_size) @ (x, y, 1) >= -ROUNDING).all())
        return inside

    def _in_words(self) -> str:
        if self.frame is None:
            return f"{self.width} x {self.height} pixels at {self.x}, {self.y}"
        height, width = (round(length * self.frame.scale) for length in self.frame.seen(self.model_size))
        place = f"{width} x {height} pixels around {self.frame.x:.0f}, {self.frame.y:.0f}"
        return f"{place}, turned by {self.frame.roll:.0f} degrees"

    def check_mask(self, mask: np.ndarray, layer_size: tuple[int, int]) -> None:
        """Raise UserError unless `mask` (uint8 [H, W]) has the layer's size (height, width) and allows some motion."""
        if mask.shape != layer_size:
            raise UserError(
                f"The mask is {mask.shape[1]} x {mask.shape[0]} pixels and the picture {layer_size[1]} x "
                f"{layer_size[0]}; give a mask of the picture's size."
            )
        part = self.crop(mask)
        if not (part if self.frame is None else self.shrink_mask(part)).any():
            raise UserError("Nothing may move: the mask or selection is empty where the model looks; widen it.")


def choose_region(
    layer_size: tuple[int, int],
    model_size: tuple[int, int],
    selected: Box | None = None,
    where: str = LAYER,
    band: int = 0,
) -> Region:
    """Choose the rectangle that is handed to the model.

    Args:
        layer_size: (height, width).
        model_size: (height, width) of the model's image.
        selected: the box around what is selected on the layer, or None.
        where: "layer" takes the whole layer when it has the model's aspect, else the largest centred rectangle that
            has; "selection" takes the smallest such rectangle around the selection, kept inside the layer.
        band: rows of the model's image at its top, and as many at its bottom, that show nothing: the region is that
            of the rows between.

    Raises:
        UserError: the layer is too small, or nothing is selected.
    """
    if band:
        seen = (model_size[0] - 2 * band, model_size[1])
        x, y, across, down = choose_region(layer_size, seen, selected, where).box
        scale = max(across / seen[1], down / seen[0])
        return Region.framed(Frame(x + across / 2, y + down / 2, scale, 0.0, band), layer_size, model_size)
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


def resized(image: np.ndarray, size: tuple[int, int], smoothing: Image.Resampling) -> np.ndarray:
    """`image`, uint8 [H, W] or [H, W, C], at `size` (height, width)."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((size[1], size[0]), smoothing))


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
