"""Draw drags into an RGB picture pixel by pixel: GIMP's Python often has no cairo."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from core import png

Point = tuple[float, float]
Colour = tuple[int, int, int]

HANDLE: Colour = (230, 40, 40)
TARGET: Colour = (40, 110, 255)
PIN: Colour = (250, 200, 30)
LINE: Colour = (255, 255, 255)
EDGE: Colour = (20, 20, 20)
HELD: Colour = (230, 40, 40)  # as GIMP's quick mask
RADIUS = 5
# Each digit's five rows of three dots, a row as an octal number.
FONT = ("75557", "26227", "71747", "71717", "55711", "74717", "74757", "71122", "75757", "75717")


def draw(picture: png.Pixels, ways: Sequence[Sequence[Point]]) -> png.Pixels:
    """The RGB picture with a numbered arrow for each way: a red disc at its first point, a blue one at its last.

    A way of one point is a pin: a yellow disc. Points are (x, y) in pixels of the picture, (0, 0) = its top left
    corner; what lies outside is not drawn. A single way has no number.
    """
    canvas = _Canvas(picture)
    for way in ways:
        for start, end in itertools.pairwise(way):
            canvas.line(start, end, LINE)
    for way in ways:
        if len(way) > 1:
            canvas.head(way[-2], way[-1])
            canvas.disc(way[-1], RADIUS + 1, EDGE)
            canvas.disc(way[-1], RADIUS, TARGET)
            canvas.disc(way[-1], RADIUS - 3, LINE)
    for way in ways:
        canvas.disc(way[0], RADIUS, LINE)
        canvas.disc(way[0], RADIUS - 1, HANDLE if len(way) > 1 else PIN)
    for number, way in enumerate(ways if len(ways) > 1 else (), start=1):
        canvas.number(number, (way[0][0] + RADIUS + 2, way[0][1] - RADIUS - 8))
    return canvas.picture()


def frame(picture: png.Pixels, box: Sequence[float]) -> png.Pixels:
    """The RGB picture with a dashed frame just inside the box (x, y, width, height)."""
    canvas = _Canvas(picture)
    left, top, width, height = box
    right, bottom = min(left + width, picture.width) - 1, min(top + height, picture.height) - 1
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for start, end in itertools.pairwise(corners):
        canvas.line(start, end, LINE, dashes=EDGE)
    return canvas.picture()


def tint(picture: png.Pixels, mask: png.Pixels) -> png.Pixels:
    """The RGB picture, reddish where the mask (one channel, of the same size) is less than half: what is held."""
    data = bytearray(picture.data)
    for channel, colour in enumerate(HELD):
        plane = bytes(data[channel::3])
        held = plane.translate(bytes((2 * value + colour) // 3 for value in range(256)))
        data[channel::3] = bytes(
            free if may_move > 127 else hold for free, hold, may_move in zip(plane, held, mask.data, strict=True)
        )
    return picture._replace(data=bytes(data))


def to_picture(points: Sequence[Point], region: Sequence[float], size: tuple[int, int]) -> list[Point]:
    """Layer pixels to those of a picture of `size` (w, h) that shows `region` (x, y, w, h)."""
    x0, y0, width, height = region
    return [((x - x0) * size[0] / width, (y - y0) * size[1] / height) for x, y in points]


class _Canvas:
    def __init__(self, picture: png.Pixels) -> None:
        self._picture = picture
        self.width, self.height = picture.width, picture.height
        self.data = bytearray(picture.data)

    def picture(self) -> png.Pixels:
        return self._picture._replace(data=bytes(self.data))

    def set(self, x: int, y: int, colour: Colour) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            start = (y * self.width + x) * 3
            self.data[start : start + 3] = bytes(colour)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        for x, y in _inside(centre, radius):
            self.set(x, y, colour)

    def line(self, start: Point, end: Point, colour: Colour, dashes: Colour | None = None) -> None:
        length = int(max(abs(end[0] - start[0]), abs(end[1] - start[1])))
        steps = min(length, 4 * (self.width + self.height))  # a point far outside must not cost seconds
        for i in range(steps + 1):
            part = i / max(1, steps)
            x, y = start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
            self.set(int(x), int(y), dashes if dashes and i // 4 % 2 else colour)

    def head(self, before: Point, tip: Point) -> None:
        """The two barbs of an arrow that comes from `before`, in front of the mark at its tip."""
        angle = math.atan2(before[1] - tip[1], before[0] - tip[0])
        front = tip[0] + (RADIUS + 1) * math.cos(angle), tip[1] + (RADIUS + 1) * math.sin(angle)
        for side in (angle - 0.5, angle + 0.5):
            self.line(front, (front[0] + 8 * math.cos(side), front[1] + 8 * math.sin(side)), LINE)

    def number(self, number: int, corner: Point) -> None:
        """White digits on a dark box, kept inside the picture."""
        text = str(number)
        width, height = 8 * len(text) + 2, 14
        left = round(min(max(corner[0], 0), self.width - width))
        top = round(min(max(corner[1], 0), self.height - height))
        for y in range(height):
            for x in range(width):
                self.set(left + x, top + y, EDGE)
        for place, digit in enumerate(text):
            for x, y in _digit(int(digit)):
                self.set(left + 2 + 8 * place + x, top + 2 + y, LINE)


def _digit(digit: int) -> Iterator[tuple[int, int]]:
    """The pixels of a digit of 6 x 10 pixels, from five rows of three dots each."""
    for row, dots in enumerate(FONT[digit]):
        for column in range(3):
            if int(dots) >> (2 - column) & 1:
                yield from ((2 * column + i, 2 * row + j) for i in (0, 1) for j in (0, 1))


def _inside(centre: Point, radius: float) -> Iterator[tuple[int, int]]:
    left, top = int(centre[0] - radius - 1), int(centre[1] - radius - 1)
    size = int(2 * radius) + 3
    for y in range(top, top + size):
        for x in range(left, left + size):
            if (x + 0.5 - centre[0]) ** 2 + (y + 0.5 - centre[1]) ** 2 <= radius**2:
                yield x, y
