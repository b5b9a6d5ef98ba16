"""The parts of a region that are put together at a time: 6000 x 6000 pixels at once would take gigabytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from backend.editing.optical_flow import CUBIC, LINEAR, read

SIDE = 512  # pixels
EDGE, SOFT_EDGE = 1.5, 0.12  # pixels of the layer; of what is enlarged: as sharp as the outlines of large photographs


class Block(NamedTuple):
    """Rows and columns of the region, whose size (height, width) is `size`."""

    rows: slice
    columns: slice
    size: tuple[int, int]

    @property
    def slices(self) -> tuple[slice, slice]:
        """What picks its pixels out of the region's."""
        return self.rows, self.columns

    def enlarged(self, image: np.ndarray, mode: int = LINEAR) -> np.ndarray:
        """This part of `image` [h, w] or [h, w, C], which covers the whole region, enlarged to the region's size."""
        y, x = (
            (np.arange(part.start, part.stop, dtype=np.float32) + 0.5) * (small / large) - 0.5
            for part, small, large in zip(self.slices, image.shape[:2], self.size, strict=True)
        )
        return read(image, np.dstack(np.broadcast_arrays(x.astype(np.float32), y.astype(np.float32)[:, None])), mode)

    def outlined(self, share: np.ndarray) -> np.ndarray:
        """This part of `share` [h, w], 0 .. 1, enlarged with a sharp outline where it crosses a half."""
        scale = self.size[0] / share.shape[0]
        steepness = max(scale / (EDGE + SOFT_EDGE * scale), 1.0)
        return ((self.enlarged(share, CUBIC) - 0.5) * steepness + 0.5).clip(0, 1)

    def pixels(self) -> np.ndarray:
        """(x, y) of the pixels, as `read` wants them."""
        x, y = (np.arange(part.start, part.stop, dtype=np.float32) for part in (self.columns, self.rows))
        return np.dstack(np.broadcast_arrays(x, y[:, None]))


def blocks_over(changed: np.ndarray, size: tuple[int, int]) -> Iterator[Block]:
    """Blocks of the region (height, width) that cover all of `changed` [h, w], which is enlarged to it."""
    rows = _extent(changed.max(axis=1) > 0, size[0])
    for down in _cut(rows):
        near = changed[_shrunk(down, changed.shape[0] / size[0])].max(axis=0)
        if not near.any():
            continue
        for across in _cut(_extent(near > 0, size[1])):
            if near[_shrunk(across, changed.shape[1] / size[1])].any():
                yield Block(down, across, size)


def _cut(whole: slice) -> Iterator[slice]:
    for start in range(whole.start, whole.stop, SIDE):
        yield slice(start, min(start + SIDE, whole.stop))


def _shrunk(part: slice, scale: float) -> slice:
    """What enlarging by 1 / scale takes for this part of the enlarged."""
    return slice(max(int(part.start * scale) - 1, 0), math.ceil(part.stop * scale) + 1)


def _extent(seen: np.ndarray, length: int) -> slice:
    """Where enlarging `seen` [n] to `length` can give more than 0; it reaches half a pixel beyond."""
    where, scale = np.flatnonzero(seen), length / len(seen)
    return slice(max(int((int(where[0]) - 1) * scale), 0), min(math.ceil((int(where[-1]) + 2) * scale), length))
