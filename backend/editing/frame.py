"""A frame: where the model's image lies on a layer when its subject is smaller, off-centre or tilted there."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
from PIL import Image

FINER = 2  # a layer is read at so many times the model's resolution: turned pixel for pixel it would get soft
CUBIC = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP


@dataclasses.dataclass(frozen=True)
class Frame:
    """The similarity transform from the model's image to the layer.

    Attributes:
        x: of the centre of the model's image, in layer pixels from the layer's left side.
        y: the same from its top.
        scale: layer pixels per pixel of the model's image.
        roll: degrees by which the model's image is turned clockwise, as seen, on the layer.
        band: rows of the model's image at its top, and as many at its bottom, that show nothing and see nothing.
    """

    x: float
    y: float
    scale: float
    roll: float
    band: int = 0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, dataclasses.astuple(self))) or self.scale <= 0 or self.band < 0:
            raise ValueError(f"no frame: {self}")  # a saved edit can hold anything

    def moved(self, x: float, y: float) -> Frame:
        """Return the same frame on a layer that begins x pixels farther left and y farther up."""
        return dataclasses.replace(self, x=self.x + x, y=self.y + y)

    def enlarged(self, times: int) -> Frame:
        """Return the same frame on a layer that has so many times as many pixels along each side."""
        return dataclasses.replace(self, x=self.x * times, y=self.y * times, scale=self.scale * times)

    def seen(self, model_size: tuple[int, int]) -> tuple[int, int]:
        """Return the size (height, width) of what is between the bands of an image of `model_size`."""
        return model_size[0] - 2 * self.band, model_size[1]

    def matrix(self, model_size: tuple[int, int]) -> np.ndarray:
        """Return the transform, float64 [2, 3]: layer = matrix @ (x, y, 1), model_size being (height, width)."""
        cos, sin = (self.scale * turn(math.radians(self.roll)) for turn in (math.cos, math.sin))
        turned = np.array([[cos, -sin], [sin, cos]])
        centre = np.array([self.x, self.y]) - turned @ (model_size[1] / 2, model_size[0] / 2)
        return np.column_stack([turned, centre])

    def to_layer(self, points: np.ndarray, model_size: tuple[int, int]) -> np.ndarray:
        """Convert points [..., 2] (x, y) from pixels of the model's image to layer pixels."""
        matrix = self.matrix(model_size)
        return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]

    def to_model(self, points: np.ndarray, model_size: tuple[int, int]) -> np.ndarray:
        """Convert points [..., 2] (x, y) from layer pixels to pixels of the model's image."""
        matrix = self.matrix(model_size)
        return (np.asarray(points, np.float64) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T

    def corners(self, model_size: tuple[int, int]) -> np.ndarray:
        """Return where the corners of what is seen lie on the layer, [4, 2] (x, y), clockwise from top left."""
        height, width = seen = self.seen(model_size)
        return self.to_layer(np.array([[0, 0], [width, 0], [width, height], [0, height]]), seen)

    def sides(self, model_size: tuple[int, int]) -> np.ndarray:
        """Return the left, top, right and bottom side of what is seen, [4, 3].

        The scalar product with (x, y, 1) is how many layer pixels inside of that side a point of the layer lies.
        """
        cos, sin = math.cos(math.radians(self.roll)), math.sin(math.radians(self.roll))
        inwards = np.array([[cos, sin], [-sin, cos], [-cos, -sin], [sin, -cos]])
        half = self.scale / 2 * np.array(self.seen(model_size)[::-1] * 2)
        return np.column_stack([inwards, half - inwards @ (self.x, self.y)])

    def view(self, part: np.ndarray, model_size: tuple[int, int], smoothing: Image.Resampling) -> np.ndarray:
        """Read what the model is shown of an image.

        Args:
            part: uint8 [H, W] or [H, W, C]; the frame's centre counts from its corner. Where an image with alpha
                (C = 4) ends there is nothing, any other one goes on as at its border.
            model_size: (height, width).
            smoothing: the filter with which it is made smaller.

        Returns:
            uint8 [height, width] or [height, width, C], 0 in the bands.
        """
        shrink = max(self.scale / FINER, 1)
        width, height = (max(round(length / shrink), 1) for length in part.shape[1::-1])
        small = Image.fromarray(np.ascontiguousarray(part)).resize((width, height), smoothing)
        share = np.divide(small.size, part.shape[1::-1])
        # from the finer model's pixels, counted by their centres, to those of `small`
        matrix = share[:, None] * self.matrix(model_size)
        matrix[:, 2] += matrix[:, :2] @ (0.5 / FINER, 0.5 / FINER) - 0.5
        matrix[:, :2] /= FINER
        read = _read_with_alpha if part.shape[2:] == (4,) else _read
        fine = read(np.asarray(small).astype(np.float32), matrix, (FINER * model_size[1], FINER * model_size[0]))
        shown = np.array(Image.fromarray(fine).resize((model_size[1], model_size[0]), smoothing))
        shown[: self.band] = shown[model_size[0] - self.band :] = 0
        return shown


def _read(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`image` (float32, 0 .. 255) at matrix @ (column, row, 1), uint8 of `size` (width, height)."""
    values = cv2.warpAffine(image, matrix, size, flags=CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return values.clip(0, 255).round().astype(np.uint8)


def _read_with_alpha(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same of an image with alpha [h, w, 4]: colours count as much as they are seen, and beyond it is nothing."""
    seen = np.dstack([image[..., :3] * (image[..., 3:] / 255), image[..., 3]])
    seen = cv2.warpAffine(seen, matrix, size, flags=CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = seen[..., 3:]
    seen[..., :3] *= np.divide(255, alpha, out=np.zeros_like(alpha), where=alpha > 0.5)
    # not by the border's mode: it would take from a frame whose own end is the image's
    there = np.ones(image.shape[:2], np.uint8)
    seen[..., 3] *= cv2.warpAffine(there, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return seen.clip(0, 255).round().astype(np.uint8)
