"""The mask of what may move, as the artist paints it: small, white = may move. Nothing of GIMP."""

from __future__ import annotations

import math
from collections.abc import Iterator

from backend.client import Box, png

LONGEST_SIDE = 512  # pixels: a brush needs no more, and each change is sent
HELD, MAY_MOVE = 0, 255
SPACING = 0.3  # of the brush's radius, between two of its prints

Point = tuple[float, float]


def everything(layer: tuple[int, int], value: int = MAY_MOVE) -> png.Pixels:
    """Return the mask of a layer, all of one value."""
    width, height = small_size(layer)
    return png.Pixels(width, height, 1, bytes([value]) * (width * height))


def small_size(layer: tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) of the mask for a layer."""
    scale = min(1.0, LONGEST_SIDE / max(layer))
    return max(1, round(layer[0] * scale)), max(1, round(layer[1] * scale))


def painted(mask: png.Pixels, start: Point, end: Point, radius: float, value: int) -> png.Pixels:
    """Return the mask after a stroke of a round brush.

    Args:
        start, end: in pixels of the mask.
        radius: in the same.
        value: HELD or MAY_MOVE.
    """
    data = bytearray(mask.data)
    steps = max(1, math.ceil(math.dist(start, end) / max(1.0, SPACING * radius)))
    for i in range(steps + 1):
        x, y = (start[k] + i / steps * (end[k] - start[k]) for k in (0, 1))
        for row, left, right in _disc((x, y), max(0.5, radius), mask.width, mask.height):
            data[row + left : row + right] = bytes([value]) * (right - left)
    return mask._replace(data=bytes(data))


def _disc(centre: Point, radius: float, width: int, height: int) -> Iterator[tuple[int, int, int]]:
    """Yield where the rows of a disc are: the row's first index, and from where to where it goes."""
    x, y = centre
    for row in range(max(0, math.floor(y - radius)), min(height, math.ceil(y + radius))):
        half = radius**2 - (row + 0.5 - y) ** 2
        if half > 0:
            left, right = max(0, round(x - math.sqrt(half))), min(width, round(x + math.sqrt(half)))
            if left < right:
                yield row * width, left, right


def box_around(mask: png.Pixels | None) -> Box | None:
    """Return the smallest box around all of a mask of one channel that is not zero; None when there is nothing."""
    if mask is None:
        return None
    rows = [mask.data[start : start + mask.width] for start in range(0, mask.width * mask.height, mask.width)]
    used = [y for y, row in enumerate(rows) if any(row)]
    if not used:
        return None
    left = min(len(rows[y]) - len(rows[y].lstrip(b"\0")) for y in used)
    right = max(len(rows[y].rstrip(b"\0")) for y in used)
    return left, used[0], right - left, used[-1] - used[0] + 1


def shrunk(mask: png.Pixels) -> png.Pixels:
    """Return a mask of a layer's size at its small size: of every few pixels, the middle one."""
    width, height = small_size((mask.width, mask.height))
    columns = [int((x + 0.5) * mask.width / width) for x in range(width)]
    rows = [int((y + 0.5) * mask.height / height) * mask.width for y in range(height)]
    return png.Pixels(width, height, 1, bytes(mask.data[row + column] for row in rows for column in columns))


def enlarged(mask: png.Pixels, layer: tuple[int, int]) -> png.Pixels:
    """Return a small mask at its layer's size (width, height)."""
    width, height = layer
    columns = [int((x + 0.5) * mask.width / width) for x in range(width)]
    rows = [bytes(mask.data[y * mask.width + x] for x in columns) for y in range(mask.height)]
    return png.Pixels(width, height, 1, b"".join(rows[int((y + 0.5) * mask.height / height)] for y in range(height)))
