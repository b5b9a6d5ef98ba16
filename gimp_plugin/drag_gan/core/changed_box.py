"""Where on the layer a picture of what has changed is to be laid. Nothing of GIMP."""

from __future__ import annotations

import math

from backend.client import Box, png
from core import may_move

REACH = 1  # pixels of the picture by which it is wider when it is enlarged smoothly


def changed_box(picture: png.Pixels, size: tuple[int, int]) -> Box | None:
    """Return the box of a region in which an RGBA picture of it is not transparent; None where all of it is.

    Args:
        picture: of the whole region, in any size.
        size: (width, height) of the region.
    """
    box = may_move.box_around(png.Pixels(picture.width, picture.height, 1, picture.data[3::4]))
    if box is None:
        return None
    scales = size[0] / picture.width, size[1] / picture.height
    x, y = (max(0, math.floor((box[i] - REACH) * scales[i])) for i in (0, 1))
    right, bottom = (min(size[i], math.ceil((box[i] + box[i + 2] + REACH) * scales[i])) for i in (0, 1))
    return x, y, right - x, bottom - y


def both(one: Box | None, other: Box | None) -> Box | None:
    """Return the smallest box around two of them, where there are any."""
    if one is None or other is None:
        return one or other
    x, y = (min(one[i], other[i]) for i in (0, 1))
    right, bottom = (max(one[i] + one[i + 2], other[i] + other[i + 2]) for i in (0, 1))
    return x, y, right - x, bottom - y
