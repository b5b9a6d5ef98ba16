"""What a live drag has changed so far, to be laid over the layer: where nothing has changed, that stays as sharp as it
is, and where something has, the model's picture stands in the layer's colours."""

from __future__ import annotations

import cv2
import numpy as np

from backend.editing.filters import blur, resample, weighted_blur
from backend.editing.region import Region

UNSEEN, CERTAIN = 5.0, 20.0  # of 255: how different a pixel is that has not changed yet, and one that surely has
AROUND = 2.0  # sigma, pixels: how far around a change is shown with it
TONE, FAR_TONE = 12.0, 60.0  # sigmas, pixels: the tones are those of so large a part of the layer
SIDE = 256  # pixels that a picture's longer side has for which these are


class ChangePreview:
    """Compares the model's pictures of one edit with that of its layer."""

    def __init__(self, first: np.ndarray, part: np.ndarray, region: Region) -> None:
        """Begin with what is the same.

        Args:
            first: uint8 [h, w, 3], what the model shows of the layer, in the region's rectangle.
            part: uint8 [H, W, 4], the rectangle's pixels.
            region: where it lies.
        """
        self._first, self._region = first.astype(np.float32), region
        layer = resample(part, first.shape).astype(np.float32)
        opaque = np.ascontiguousarray(layer[..., 3]) / 255
        self._scale = max(first.shape) / SIDE
        change = layer[..., :3] - self._first
        self._tone = weighted_blur(change, opaque, TONE * self._scale, FAR_TONE * self._scale)
        self._mask: tuple[np.ndarray | None, np.ndarray | None] = None, None

    def of(self, now: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """Return what has changed, uint8 [h, w, 4]; where alpha is 0 all is 0.

        Args:
            now: uint8 [h, w, 3], what the model shows now.
            mask: uint8 of the layer's size, 255 = may move; None: everything may.
        """
        different = np.abs(now - self._first).max(axis=2)
        near = blur(cv2.dilate(different, np.ones((3, 3))), AROUND * self._scale)
        alpha = ((near - UNSEEN) / (CERTAIN - UNSEEN)).clip(0, 1)
        small = self._small(mask)
        if small is not None:
            alpha *= small
        pixels = np.dstack([(now + self._tone).clip(0, 255), 255 * alpha]).round().astype(np.uint8)
        pixels[pixels[..., 3] == 0] = 0
        return pixels

    def _small(self, mask: np.ndarray | None) -> np.ndarray | None:
        """The mask as the pictures are, float32 [h, w], 0 .. 1."""
        if mask is not self._mask[0]:
            part = None if mask is None else self._region.crop(mask)
            self._mask = mask, None if part is None else resample(part, self._first.shape).astype(np.float32) / 255
        return self._mask[1]
