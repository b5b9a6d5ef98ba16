"""Where on the screen the layer's pixels are: zoomed and moved, and back again. Nothing of GIMP."""

from __future__ import annotations

from typing import NamedTuple

Point = tuple[float, float]
Box = tuple[int, int, int, int]  # x, y, width, height

MARGIN = 12  # pixels of the screen around what is fitted in
LARGEST_SCALE = 16.0
SMALLEST = 64  # pixels of the screen that the layer's longer side has at least
LEAST_SHOWN = 48  # pixels of the layer that stay on the screen, however far it is moved


class View(NamedTuple):
    """A place on the screen through which a layer is looked at.

    Args:
        size: (width, height) of it, in pixels of the screen.
        layer: (width, height) of the layer.
        scale: pixels of the screen for one of the layer.
        corner: (x, y) of the layer's top left corner, in pixels of the screen: whole ones, so that both grids agree.
    """

    size: tuple[int, int]
    layer: tuple[int, int]
    scale: float = 1.0
    corner: tuple[int, int] = (0, 0)

    def to_screen(self, point: Point) -> Point:
        """Convert a point of the layer."""
        return self.corner[0] + point[0] * self.scale, self.corner[1] + point[1] * self.scale

    def to_layer(self, point: Point) -> Point:
        """Convert a point of the screen."""
        return (point[0] - self.corner[0]) / self.scale, (point[1] - self.corner[1]) / self.scale

    def box_on_screen(self, box: Box) -> Box:
        """Return the pixels of the screen that a box of the layer covers."""
        left, top = self.to_screen(box[:2])
        right, bottom = self.to_screen((box[0] + box[2], box[1] + box[3]))
        x, y = round(left), round(top)
        return x, y, max(1, round(right) - x), max(1, round(bottom) - y)

    def visible(self) -> Box:
        """Return the box of the screen in which the layer is seen; without width or height where it is not."""
        x, y, width, height = self.box_on_screen((0, 0, *self.layer))
        left, top = max(0, x), max(0, y)
        right, bottom = min(self.size[0], x + width), min(self.size[1], y + height)
        return left, top, max(0, right - left), max(0, bottom - top)

    def fitted(self, box: Box) -> View:
        """Return the view in which a box of the layer is seen as large as can be."""
        width, height = (max(1, side - 2 * MARGIN) for side in self.size)
        scale = min(width / box[2], height / box[3], LARGEST_SCALE)
        x, y = ((self.size[i] - scale * box[i + 2]) / 2 - scale * box[i] for i in (0, 1))
        return self._replace(scale=scale, corner=(round(x), round(y)))

    def zoomed(self, factor: float, around: Point) -> View:
        """Return the view after zooming; the point `around`, of the screen, stays where it is."""
        smallest = min(1.0, SMALLEST / max(self.layer))
        scale = min(LARGEST_SCALE, max(smallest, self.scale * factor))
        x, y = self.to_layer(around)
        corner = round(around[0] - x * scale), round(around[1] - y * scale)
        return self._replace(scale=scale, corner=corner)._kept()

    def moved(self, dx: float, dy: float) -> View:
        """Return the view after the layer was moved on the screen."""
        return self._replace(corner=(round(self.corner[0] + dx), round(self.corner[1] + dy)))._kept()

    def resized(self, size: tuple[int, int]) -> View:
        """Return the view at another size; what was in its middle stays there."""
        dx, dy = ((size[i] - self.size[i]) / 2 for i in (0, 1))
        return self._replace(size=size).moved(dx, dy)

    def _kept(self) -> View:
        """Return the view with a part of the layer on the screen."""
        x, y = (
            round(min(max(self.corner[i], LEAST_SHOWN - self.layer[i] * self.scale), self.size[i] - LEAST_SHOWN))
            for i in (0, 1)
        )
        return self._replace(corner=(x, y))
