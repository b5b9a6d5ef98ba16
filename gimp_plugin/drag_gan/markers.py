"""Draw handles and targets into an RGB picture pixel by pixel: GIMP's Python often has no cairo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import png

Point = tuple[float, float]
Colour = tuple[int, int, int]

HANDLE: Colour = (230, 40, 40)
TARGET: Colour = (40, 110, 255)
LINE: Colour = (255, 255, 255)
EDGE: Colour = (20, 20, 20)
RADIUS = 5


def draw(picture: png.Pixels, points: Sequence[Point], targets: Sequence[Point]) -> png.Pixels:
    """The RGB picture with red discs at the points, blue rings at the targets, and white lines between.

    Points are (x, y) in pixels of the picture, (0, 0) = its top left corner; what lies outside is not drawn.
    """
    canvas = _Canvas(picture)
    for point, target in zip(points, targets, strict=False):
        canvas.line(point, target)
    for target in targets:
        canvas.disc(target, RADIUS + 1, EDGE)
        canvas.disc(target, RADIUS, TARGET)
        canvas.disc(target, RADIUS - 3, LINE)
    for point in points:
        canvas.disc(point, RADIUS, LINE)
        canvas.disc(point, RADIUS - 1, HANDLE)
    return picture._replace(data=bytes(canvas.data))


def to_picture(points: Sequence[Point], region: Sequence[float], size: tuple[int, int]) -> list[Point]:
    """Layer pixels to those of a picture of `size` (w, h) that shows `region` (x, y, w, h)."""
    x0, y0, width, height = region
    return [((x - x0) * size[0] / width, (y - y0) * size[1] / height) for x, y in points]


class _Canvas:
    def __init__(self, picture: png.Pixels) -> None:
        self.width, self.height = picture.width, picture.height
        self.data = bytearray(picture.data)

    def set(self, x: int, y: int, colour: Colour) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            start = (y * self.width + x) * 3
            self.data[start : start + 3] = bytes(colour)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        for x, y in _inside(centre, radius):
            self.set(x, y, colour)

    def line(self, start: Point, end: Point) -> None:
        length = int(max(abs(end[0] - start[0]), abs(end[1] - start[1])))
        steps = min(length, 4 * (self.width + self.height))  # a point far outside must not cost seconds
        for i in range(steps + 1):
            part = i / max(1, steps)
            x, y = start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
            self.set(int(x), int(y), LINE)


def _inside(centre: Point, radius: float) -> Iterator[tuple[int, int]]:
    left, top = int(centre[0] - radius - 1), int(centre[1] - radius - 1)
    size = int(2 * radius) + 3
    for y in range(top, top + size):
        for x in range(left, left + size):
            if (x + 0.5 - centre[0]) ** 2 + (y + 0.5 - centre[1]) ** 2 <= radius**2:
                yield x, y
