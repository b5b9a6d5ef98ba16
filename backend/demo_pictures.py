"""The pictures of the demo: arrows for what is asked, a layer laid over a picture, a strip of examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw

Point = tuple[float, float]
ARROW, PIN, EDGE = (226, 32, 44), (30, 110, 220), (255, 255, 255)
FINER = 3  # drawn so many times larger and made small again, for smooth edges


def arrows_on(
    picture: Image.Image, drags: Sequence[tuple[Point, Point]], pins: Sequence[Point], mask: np.ndarray | None
) -> Image.Image:
    """Draw what is asked: an arrow per drag, a dot per pin; what may not move is darker.

    Points are (x, y) in pixels, (0, 0) = the top left corner. mask: uint8 [H, W], 255 = may move, or None.
    """
    shown = picture.convert("RGB")
    if mask is not None:
        shown = Image.composite(
            shown, ImageChops.multiply(shown, Image.new("RGB", shown.size, (160,) * 3)), Image.fromarray(mask)
        )
    large = shown.resize((shown.width * FINER, shown.height * FINER), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(large)
    for handle, target in drags:
        _arrow(draw, _finer(handle), _finer(target))
    for pin in pins:
        _dot(draw, _finer(pin), PIN)
    return large.resize(shown.size, Image.Resampling.BOX)


def strip(asked: Sequence[Image.Image], after: Sequence[Image.Image], width: int = 350) -> Image.Image:
    """Return two rows of small pictures: what was asked above, the results below."""
    height = round(width * asked[0].height / asked[0].width)
    result = Image.new("RGB", (width * len(asked) + 6 * (len(asked) - 1), height * 2 + 6), "white")
    for row, pictures in enumerate((asked, after)):
        for column, picture in enumerate(pictures):
            small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
            result.paste(small, (column * (width + 6), row * (height + 6)))
    return result


def _finer(point: Point) -> Point:
    return point[0] * FINER, point[1] * FINER


def _arrow(draw: ImageDraw.ImageDraw, start: Point, end: Point) -> None:
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    length = min(18.0 * FINER, 0.6 * math.dist(start, end))
    corners = [
        (end[0] - length * math.cos(angle + turn), end[1] - length * math.sin(angle + turn)) for turn in (0.45, -0.45)
    ]
    neck = (end[0] - 0.8 * length * math.cos(angle), end[1] - 0.8 * length * math.sin(angle))
    for colour, extra in ((EDGE, 2 * FINER), (ARROW, 0)):
        draw.line([start, neck], fill=colour, width=4 * FINER + extra)
        draw.polygon([end, *corners], fill=colour, outline=colour, width=max(extra, 1))
    _dot(draw, start, ARROW)


def _dot(draw: ImageDraw.ImageDraw, point: Point, colour: tuple[int, int, int]) -> None:
    for fill, radius in ((EDGE, 7 * FINER), (colour, 5 * FINER)):
        draw.ellipse([point[0] - radius, point[1] - radius, point[0] + radius, point[1] + radius], fill=fill)
