"""What is seen in the middle of the drag window: the layer, the subject as it moves, what may move, the marks.

All is laid over each other by GdkPixbuf, since GIMP's Python often has no cairo. Imported only when it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gegl

from backend.client import png
from core import markers, may_move
from core.drag_session import DragSession, is_pin
from core.gestures import Gestures, Tool
from core.view import Box, Point, View
from gimp.local_warp import shift
from gimp.source_layer import NONE, SRGB
from gimp.widgets import lay_on, to_pixbuf

AROUND = 0x505050FF  # beside the layer
CHECKS = 8, 0x999999, 0x666666  # below what is transparent, as GIMP has them
OUTSIDE = bytes((20, 20, 20, 110))  # over what the model does not see
HELD_COLOUR, HELD_ALPHA = markers.HANDLE, 100  # over what may not move, as GIMP's quick mask
SMOOTH, SHARP = GdkPixbuf.InterpType.BILINEAR, GdkPixbuf.InterpType.NEAREST


class DragPicture:
    """Composes what is seen.

    Attributes:
        frame: the subject as it is by now and where on the layer that is; None until there is one.
        pointer: where on the screen the pointer is, None where it is not over the picture.
        cursor: where on the screen the keyboard's cross is, None while the keyboard is elsewhere.
        original: whether the layer alone is seen, as it was.
    """

    def __init__(self, pixels: Gegl.Buffer, session: DragSession, gestures: Gestures) -> None:
        self._pixels, self._session, self._gestures = pixels, session, gestures
        self.frame: tuple[png.Pixels, Box] | None = None
        self.pointer: Point | None = None
        self.cursor: Point | None = None
        self.original = False
        self._layer: tuple[View, GdkPixbuf.Pixbuf] | None = None
        self._tint: tuple[png.Pixels, GdkPixbuf.Pixbuf] | None = None

    def take_pixels(self, pixels: Gegl.Buffer) -> None:
        """Show other pixels of the layer."""
        self._pixels, self._layer, self.frame = pixels, None, None

    def drawn(self) -> GdkPixbuf.Pixbuf:
        """Return all of it."""
        view = self._gestures.view
        canvas = self._background(view).copy()
        if self.original:
            return canvas
        if self.frame:
            pixels, box = self.frame
            _scaled(to_pixbuf(pixels), canvas, view.box_on_screen(box), SMOOTH)
        self._pull_ahead(canvas, view)
        self._darken(canvas, view)
        mask = self._gestures.mask
        if mask:
            _scaled(self._tinted(mask), canvas, view.box_on_screen((0, 0, *view.layer)), SHARP)
        for mark in (*markers.marks(list(self._trajectories(view)), view.size), *self._cursors(view)):
            lay_on(canvas, mark)
        return canvas

    def _pull_ahead(self, canvas: GdkPixbuf.Pixbuf, view: View) -> None:
        """Move what is pulled, until the model does."""
        pull, session = self._gestures.pull, self._session
        drag = session.drag(pull.number) if pull else None
        if pull and drag and session.follows:
            moved = pull.shift(view.to_screen(session.place_of(drag)), view.to_screen(drag.target))
            if moved:
                shift(canvas, moved)

    def _background(self, view: View) -> GdkPixbuf.Pixbuf:
        if self._layer is None or self._layer[0] != view:
            canvas = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, *view.size)
            canvas.fill(AROUND)
            if all(view.visible()[2:]):
                self._lay_layer(canvas, view)
            self._layer = view, canvas
        return self._layer[1]

    def _lay_layer(self, canvas: GdkPixbuf.Pixbuf, view: View) -> None:
        """Lay what is seen of the layer on the canvas, read as small as it is shown."""
        left, top, width, height = seen = view.visible()
        x, y, scale = 0, 0, 1.0
        if view.scale <= 1:
            box = left - view.corner[0], top - view.corner[1], width, height  # in pixels of the smaller layer
            part = bytes(self._pixels.get(Gegl.Rectangle.new(*box), view.scale, SRGB, NONE))
            x, y = seen[:2]
        else:
            (x0, y0), (x1, y1) = view.to_layer((left, top)), view.to_layer((left + width, top + height))
            x, y = int(x0), int(y0)
            box = x, y, min(view.layer[0], int(x1) + 1) - x, min(view.layer[1], int(y1) + 1) - y
            part = bytes(self._pixels.get(Gegl.Rectangle.new(*box), 1.0, SRGB, NONE))
            (x, y), scale = view.to_screen((x, y)), view.scale
        pixbuf = to_pixbuf(png.Pixels(*box[2:], 4, part))
        size, dark, light = CHECKS
        kind = SHARP if scale == 1 else SMOOTH
        pixbuf.composite_color(canvas, *seen, x, y, scale, scale, kind, 255, *seen[:2], size, light, dark)

    def _darken(self, canvas: GdkPixbuf.Pixbuf, view: View) -> None:
        """Darken what the model does not see."""
        if self._gestures.region is None:
            return
        dark = to_pixbuf(png.Pixels(1, 1, 4, OUTSIDE))
        left, top, width, height = view.visible()
        x, y, w, h = view.box_on_screen(self._gestures.region)
        right, bottom = left + width, top + height
        for box in (
            (left, top, width, y - top),
            (left, y + h, width, bottom - y - h),
            (left, max(y, top), x - left, min(y + h, bottom) - max(y, top)),
            (x + w, max(y, top), right - x - w, min(y + h, bottom) - max(y, top)),
        ):
            if min(box[2:]) > 0:
                _scaled(dark, canvas, box, SHARP)

    def _tinted(self, mask: png.Pixels) -> GdkPixbuf.Pixbuf:
        """Return a mask as what is laid over the layer."""
        if self._tint is None or self._tint[0] is not mask:
            data = bytearray(bytes((*HELD_COLOUR, 0)) * (mask.width * mask.height))
            shades = bytes(HELD_ALPHA * (may_move.MAY_MOVE - value) // may_move.MAY_MOVE for value in range(256))
            data[3::4] = mask.data.translate(shades)
            self._tint = mask, to_pixbuf(png.Pixels(mask.width, mask.height, 4, bytes(data)))
        return self._tint[1]

    def _trajectories(self, view: View) -> Iterator[markers.Trajectory]:
        for drag in self._session.scene.drags:
            points = (self._session.place_of(drag),)
            if not is_pin(drag):
                points = (*points, *drag.via, drag.target)
            yield markers.Trajectory(tuple(map(view.to_screen, points)), drag.id == self._session.chosen)

    def _cursors(self, view: View) -> Iterator[markers.Mark]:
        """The brush around the pointer, and the keyboard's cross."""
        at = self.cursor or self.pointer
        if at and self._gestures.tool is not Tool.PULL:
            yield markers.Mark(markers.ring(round(self._gestures.brush / 2 * view.scale)), _whole(at))
        if self.cursor:
            yield markers.Mark(markers.cross(), _whole(self.cursor))


def _whole(point: Point) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _scaled(source: GdkPixbuf.Pixbuf, canvas: GdkPixbuf.Pixbuf, box: Box, kind: GdkPixbuf.InterpType) -> None:
    """Lay a picture on a box of the canvas, of which a part may lie outside."""
    x, y, width, height = box
    left, top = max(0, x), max(0, y)
    right, bottom = min(canvas.get_width(), x + width), min(canvas.get_height(), y + height)
    if left < right and top < bottom:
        scales = width / source.get_width(), height / source.get_height()
        source.composite(canvas, left, top, right - left, bottom - top, x, y, *scales, kind, 255)
