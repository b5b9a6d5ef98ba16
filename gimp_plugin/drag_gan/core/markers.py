"""Draw drags into an RGB image pixel by pixel: GIMP's Python often has no cairo."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from backend.client import png

Point = tuple[float, float]
Colour = tuple[int, int, int]

HANDLE: Colour = (230, 40, 40)
TARGET: Colour = (40, 110, 255)
PIN: Colour = (250, 200, 30)
LINE: Colour = (255, 255, 255)
EDGE: Colour = (20, 20, 20)
FIXED: Colour = (230, 40, 40)  # as GIMP's quick mask
RADIUS = 5
# Each digit's five rows of three dots, a row as an octal number.
FONT = ("75557", "26227", "71747", "71717", "55711", "74717", "74757", "71122", "75757", "75717")


def draw(image: png.Pixels, trajectories: Sequence[Sequence[Point]]) -> png.Pixels:
    """Draw a numbered arrow for each trajectory: a red disc at its first point, a blue one at its last.

    Args:
        image: RGB.
        trajectories: of points (x, y) in pixels of the image, (0, 0) = its top left corner; what lies outside is not
            drawn. One of a single point is a pin, a yellow disc. A single trajectory has no number.

    Returns:
        A copy of the image, drawn over.
    """
    canvas = _Canvas(image)
    for points in trajectories:
        for start, end in itertools.pairwise(points):
            canvas.line(start, end, LINE)
    for points in trajectories:
        if len(points) > 1:
            canvas.head(points[-2], points[-1])
            canvas.disc(points[-1], RADIUS + 1, EDGE)
            canvas.disc(points[-1], RADIUS, TARGET)
            canvas.disc(points[-1], RADIUS - 3, LINE)
    for points in trajectories:
        canvas.disc(points[0], RADIUS, LINE)
        canvas.disc(points[0], RADIUS - 1, HANDLE if len(points) > 1 else PIN)
    for number, points in enumerate(trajectories if len(trajectories) > 1 else (), start=1):
        canvas.number(number, (points[0][0] + RADIUS + 2, points[0][1] - RADIUS - 8))
    return canvas.pixels()


def frame(image: png.Pixels, box: Sequence[float]) -> png.Pixels:
    """Draw a dashed frame just inside a box.

    Args:
        image: RGB.
        box: x, y, width, height in pixels of the image.
    """
    canvas = _Canvas(image)
    left, top, width, height = box
    right, bottom = min(left + width, image.width) - 1, min(top + height, image.height) - 1
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for start, end in itertools.pairwise(corners):
        canvas.line(start, end, LINE, dashes=EDGE)
    return canvas.pixels()


def tint(image: png.Pixels, mask: png.Pixels) -> png.Pixels:
    """Redden what may not move.

    Args:
        image: RGB.
        mask: one channel of the same size; what is less than half may not move.
    """
    data = bytearray(image.data)
    for channel, colour in enumerate(FIXED):
        plane = bytes(data[channel::3])
        tinted = plane.translate(bytes((2 * value + colour) // 3 for value in range(256)))
        data[channel::3] = bytes(
            plain if may_move > 127 else red for plain, red, may_move in zip(plane, tinted, mask.data, strict=True)
        )
    return image._replace(data=bytes(data))


def to_preview(points: Sequence[Point], region: Sequence[float], size: tuple[int, int]) -> list[Point]:
    """Convert points from pixels of the layer to pixels of a preview.

    Args:
        points: (x, y) in pixels of the layer.
        region: x, y, width, height of what the preview shows, in pixels of the layer.
        size: (width, height) of the preview.
    """
    x0, y0, width, height = region
    return [((x - x0) * size[0] / width, (y - y0) * size[1] / height) for x, y in points]


class _Canvas:
    """An RGB image that can be drawn on."""

    def __init__(self, image: png.Pixels) -> None:
        self._image = image
        self.width, self.height = image.width, image.height
        self.data = bytearray(image.data)

    def pixels(self) -> png.Pixels:
        return self._image._replace(data=bytes(self.data))

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
        """Draw the two barbs of an arrow that comes from `before`, in front of the mark at its tip."""
        angle = math.atan2(before[1] - tip[1], before[0] - tip[0])
        front = tip[0] + (RADIUS + 1) * math.cos(angle), tip[1] + (RADIUS + 1) * math.sin(angle)
        for side in (angle - 0.5, angle + 0.5):
            self.line(front, (front[0] + 8 * math.cos(side), front[1] + 8 * math.sin(side)), LINE)

    def number(self, number: int, corner: Point) -> None:
        """Draw white digits on a dark box, kept inside the image."""
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
    """Yield the pixels of a digit of 6 x 10 pixels, from five rows of three dots each."""
    for row, dots in enumerate(FONT[digit]):
        for column in range(3):
            if int(dots) >> (2 - column) & 1:
                yield from ((2 * column + i, 2 * row + j) for i in (0, 1) for j in (0, 1))


def _inside(centre: Point, radius: float) -> Iterator[tuple[int, int]]:
    """Yield the pixels whose centres lie in a disc."""
    left, top = int(centre[0] - radius - 1), int(centre[1] - radius - 1)
    size = int(2 * radius) + 3
    for y in range(top, top + size):
        for x in range(left, left + size):
            if (x + 0.5 - centre[0]) ** 2 + (y + 0.5 - centre[1]) ** 2 <= radius**2:
                yield x, y
