"""The marks of drags on a picture, as small pictures with soft edges: GIMP's Python often has no cairo.

Each is made once and kept. What lays them on the picture is a library's (gimp/widgets.py), in no time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

Point = tuple[float, float]
Colour = tuple[int, int, int]

HANDLE: Colour = (230, 40, 40)
TARGET: Colour = (40, 110, 255)
PIN: Colour = (250, 200, 30)
LINE: Colour = (255, 255, 255)
EDGE: Colour = (20, 20, 20)
RADIUS = 6.0  # of a mark, with its edge
CHOSEN_RADIUS = 9.0
HALF_LINE, HALF_EDGE = 0.9, 2.0  # half the width of a line, and with its dark edge
EDGE_SHARE = 0.6  # of the edge's colour over what is below
BARB = 8.0  # pixels of an arrow's head
FEWEST = 4.0  # pixels: a shorter line is not seen below its marks
BEYOND = 20  # pixels beside a picture that lines are drawn in
# Each digit's strokes, in a box of 4 x 7.
DIGITS: tuple[tuple[tuple[Point, ...], ...], ...] = (
    (((0, 1), (1, 0), (3, 0), (4, 1), (4, 6), (3, 7), (1, 7), (0, 6), (0, 1)),),
    (((0.5, 1.5), (2.5, 0), (2.5, 7)),),
    (((0, 1), (1, 0), (3, 0), (4, 1), (4, 2.5), (0, 7), (4, 7)),),
    (((0, 0), (4, 0), (2, 2.7), (3.4, 3.2), (4, 4.5), (3.6, 6.3), (2, 7), (0, 6.4)),),
    (((3, 7), (3, 0), (0, 5), (4.3, 5)),),
    (((4, 0), (0.5, 0), (0, 3.2), (2, 2.8), (3.6, 3.4), (4, 5), (3.4, 6.5), (2, 7), (0, 6.4)),),
    (((3.6, 0), (1, 2.4), (0, 4.8), (0.6, 6.5), (2, 7), (3.5, 6.4), (4, 5), (3.3, 3.6), (2, 3.2), (0.2, 4.4)),),
    (((0, 0), (4, 0), (1.4, 7)),),
    (
        ((2, 3.2), (0.4, 2.4), (0.4, 0.9), (2, 0), (3.6, 0.9), (3.6, 2.4), (2, 3.2)),
        ((2, 3.2), (0, 4.3), (0, 6), (2, 7), (4, 6), (4, 4.3), (2, 3.2)),
    ),
    (((0.4, 7), (3, 4.6), (4, 2.2), (3.4, 0.5), (2, 0), (0.5, 0.6), (0, 2), (0.7, 3.4), (2, 3.8), (3.8, 2.6)),),
)


class Sprite(NamedTuple):
    """A small picture; `rgba` is not premultiplied. Its middle, or for a line its start, lies at (x, y) of it."""

    width: int
    height: int
    rgba: bytes
    x: int
    y: int


class Mark(NamedTuple):
    """A sprite and where on the picture its (x, y) lies."""

    sprite: Sprite
    at: tuple[int, int]


class Trajectory(NamedTuple):
    """What is drawn of a drag, in pixels of the picture.

    Args:
        points: from the handle to the target; one alone is a pin.
        chosen: whether it is the one that keys act on.
    """

    points: tuple[Point, ...]
    chosen: bool = False


def marks(trajectories: Sequence[Trajectory], size: tuple[int, int]) -> Iterator[Mark]:
    """Yield what is laid on a picture, in this order: a numbered arrow for each trajectory, a yellow disc for each pin.

    An arrow goes from a red disc to a blue one. A single trajectory has no number.

    Args:
        size: (width, height) of the picture.
    """
    for trajectory in trajectories:
        for start, end in itertools.pairwise(trajectory.points):
            yield from _line(start, end, size)
    for points, chosen in trajectories:
        if len(points) > 1:
            yield from _head(points[-2], points[-1], size)
            yield _at(target(chosen), points[-1])
    for points, chosen in trajectories:
        first, *others = points
        yield _at(handle(chosen) if others else pin(chosen), first)
    for number, trajectory in enumerate(trajectories if len(trajectories) > 1 else (), start=1):
        x, y = trajectory.points[0]
        yield _at(digits(number), (x + RADIUS + 3, y - RADIUS - 11))


def handle(chosen: bool = False) -> Sprite:
    """The mark of the point that is pulled."""
    return _rings(_around(chosen), (RADIUS, LINE), (RADIUS - 1.5, HANDLE))


def target(chosen: bool = False) -> Sprite:
    """The mark of where it goes."""
    return _rings(_around(chosen), (RADIUS + 0.5, LINE), (RADIUS - 1, TARGET), (RADIUS - 4, LINE))


def pin(chosen: bool = False) -> Sprite:
    """The mark of a point that stays."""
    return _rings(_around(chosen), (RADIUS, EDGE), (RADIUS - 1.5, PIN))


@lru_cache(maxsize=64)
def ring(radius: int) -> Sprite:
    """The outline of a round brush."""
    points = [
        (radius * math.cos(angle), radius * math.sin(angle))
        for angle in (2 * math.pi * i / 4 / max(8, radius) for i in range(4 * max(8, radius)))
    ]
    side = radius + 3
    canvas = bytearray(4 * (2 * side + 1) ** 2)
    for x, y in points:
        for dx, dy in itertools.product(range(-1, 3), repeat=2):
            column, row = math.floor(x) + dx, math.floor(y) + dy
            colour = _stroke_colour(abs(math.hypot(column, row) - radius), 0.6, 1.4)
            start = 4 * ((row + side) * (2 * side + 1) + column + side)
            canvas[start : start + 4] = colour
    return Sprite(2 * side + 1, 2 * side + 1, bytes(canvas), side, side)


@lru_cache(maxsize=1)
def cross() -> Sprite:
    """Where the keyboard's arrows are."""
    side, arms = 13, [((-12.0, 0.0), (-4.0, 0.0)), ((4.0, 0.0), (12.0, 0.0))]
    arms += [tuple((y, x) for x, y in arm) for arm in arms]
    pixels = (
        _stroke_colour(min(_distance((x, y), *arm) for arm in arms), 0.6, 1.6)
        for y in range(-side, side + 1)
        for x in range(-side, side + 1)
    )
    return Sprite(2 * side + 1, 2 * side + 1, b"".join(pixels), side, side)


@lru_cache(maxsize=256)
def digits(number: int) -> Sprite:
    """A number in white strokes with a dark edge; its left upper corner is its middle."""
    strokes = [
        [(7.0 * place + 3 + x, 3 + 1.2 * y) for x, y in stroke]
        for place, digit in enumerate(str(number))
        for stroke in DIGITS[int(digit)]
    ]
    pairs = [pair for stroke in strokes for pair in itertools.pairwise(stroke)]
    width, height = 7 * len(str(number)) + 4, 15
    pixels = (
        _stroke_colour(min(_distance((x + 0.5, y + 0.5), *pair) for pair in pairs), 0.8, 2.0)
        for y in range(height)
        for x in range(width)
    )
    return Sprite(width, height, b"".join(pixels), 0, 0)


def to_preview(points: Sequence[Point], region: Sequence[float], size: tuple[int, int]) -> list[Point]:
    """Convert points from pixels of the layer to pixels of a preview.

    Args:
        points: (x, y) in pixels of the layer.
        region: x, y, width, height of what the preview shows, in pixels of the layer.
        size: (width, height) of the preview.
    """
    x0, y0, width, height = region
    return [((x - x0) * size[0] / width, (y - y0) * size[1] / height) for x, y in points]


def _at(sprite: Sprite, point: Point) -> Mark:
    return Mark(sprite, (math.floor(point[0]), math.floor(point[1])))


def _around(chosen: bool) -> tuple[float, Colour]:
    """The outermost ring."""
    return (CHOSEN_RADIUS, LINE) if chosen else (RADIUS + 1, EDGE)


@lru_cache(maxsize=64)
def _rings(*rings: tuple[float, Colour]) -> Sprite:
    """Discs one above the other, (radius, colour) from the outermost to the innermost."""
    side = math.ceil(rings[0][0]) + 1
    pixels = bytearray()
    for y in range(-side, side + 1):
        for x in range(-side, side + 1):
            red, green, blue, alpha = 0.0, 0.0, 0.0, 0.0
            for radius, colour in rings:
                share = _cover(math.hypot(x, y), radius)
                red, green, blue = (
                    old + share * (new - old) if alpha else new
                    for old, new in zip((red, green, blue), colour, strict=True)
                )
                alpha = max(alpha, share)
            pixels += bytes((round(red), round(green), round(blue), round(255 * alpha)))
    return Sprite(2 * side + 1, 2 * side + 1, bytes(pixels), side, side)


def _line(start: Point, end: Point, size: tuple[int, int]) -> Iterator[Mark]:
    part = _clipped(start, end, size)
    if part and math.dist(*part) > FEWEST:
        (x, y), (to_x, to_y) = part
        yield _at(_stroke(round(to_x - x), round(to_y - y)), (x, y))


def _clipped(start: Point, end: Point, size: tuple[int, int]) -> tuple[Point, Point] | None:
    """Return the part of a line that may be seen on a picture: a point far outside must not cost seconds."""
    first, last = 0.0, 1.0
    for k in (0, 1):
        way = end[k] - start[k]
        low, high = -BEYOND - start[k], size[k] + BEYOND - start[k]
        if way:
            enters, leaves = sorted((low / way, high / way))
            first, last = max(first, enters), min(last, leaves)
        elif not low <= 0 <= high:
            return None
    if first >= last:
        return None
    return _between(start, end, first), _between(start, end, last)


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _head(before: Point, tip: Point, size: tuple[int, int]) -> Iterator[Mark]:
    """The two barbs of an arrow that comes from `before`, in front of the mark at its tip."""
    if math.dist(before, tip) > 2 * RADIUS + BARB:
        angle = math.atan2(before[1] - tip[1], before[0] - tip[0])
        front = tip[0] + (RADIUS + 2) * math.cos(angle), tip[1] + (RADIUS + 2) * math.sin(angle)
        for side in (angle - 0.55, angle + 0.55):
            yield from _line(front, (front[0] + BARB * math.cos(side), front[1] + BARB * math.sin(side)), size)


@lru_cache(maxsize=32)
def _stroke(dx: int, dy: int) -> Sprite:
    """A straight line, white with a dark edge, from (0, 0) to (dx, dy)."""
    margin = math.ceil(HALF_EDGE) + 1
    left, top = min(0, dx) - margin, min(0, dy) - margin
    width, height = abs(dx) + 2 * margin + 1, abs(dy) + 2 * margin + 1
    canvas = bytearray(4 * width * height)
    steep = abs(dy) > abs(dx)
    length, slope = (abs(dy), dx / abs(dy)) if steep else (abs(dx), dy / max(1, abs(dx)))
    sign = math.copysign(1, dy if steep else dx)
    lean = 1 / math.hypot(1, slope)
    for step in range(length + 1):
        middle = slope * step
        for across in range(math.floor(middle) - margin, math.ceil(middle) + margin + 1):
            colour = _stroke_colour(abs(across - middle) * lean, HALF_LINE, HALF_EDGE)
            if colour[3]:
                along = int(sign * step)
                x, y = (across, along) if steep else (along, across)
                if 0 <= x - left < width and 0 <= y - top < height:
                    start = 4 * ((y - top) * width + x - left)
                    canvas[start : start + 4] = colour
    return Sprite(width, height, bytes(canvas), -left, -top)


def _stroke_colour(distance: float, half_line: float, half_edge: float) -> bytes:
    """Return the RGBA of a pixel at a distance from the middle of a white line with a dark edge."""
    white, dark = _cover(distance, half_line), EDGE_SHARE * _cover(distance, half_edge)
    alpha = white + dark * (1 - white)
    if not alpha:
        return bytes(4)
    colour = (round((w * white + d * dark * (1 - white)) / alpha) for w, d in zip(LINE, EDGE, strict=True))
    return bytes((*colour, round(255 * alpha)))


def _cover(distance: float, radius: float) -> float:
    """Return how much of a pixel lies in a disc or line, whose middle is so far away."""
    return min(1.0, max(0.0, radius + 0.5 - distance))


def _distance(point: Point, start: Point, end: Point) -> float:
    """Return how far a point is from a straight line between two others."""
    length = math.dist(start, end) ** 2
    along = (point[0] - start[0]) * (end[0] - start[0]) + (point[1] - start[1]) * (end[1] - start[1])
    share = min(1.0, max(0.0, along / length)) if length else 0.0
    return math.dist(point, _between(start, end, share))
