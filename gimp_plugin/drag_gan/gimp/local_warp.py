"""Moves a part of a picture by its own pixels, softly, with GEGL. Imported only when a window is shown."""

from __future__ import annotations

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gegl

from backend.client import png
from core.pull import Shift, bump
from gimp.source_layer import NONE, OPAQUE_SRGB
from gimp.widgets import to_pixbuf

BUMP = "Y' float"  # what GEGL's displace reads as it is


def shift(canvas: GdkPixbuf.Pixbuf, moved: Shift) -> None:
    """Do it on an opaque picture."""
    side = 2 * moved.radius
    x, y = (round(middle) - moved.radius for middle in moved.middle)
    left, top = max(0, x), max(0, y)
    width, height = min(canvas.get_width(), x + side) - left, min(canvas.get_height(), y + side) - top
    if width < 1 or height < 1:
        return
    box = Gegl.Rectangle.new(left - x, top - y, width, height)  # of the square
    pixels, shares = Gegl.Buffer.new(OPAQUE_SRGB, *_sides(box)), Gegl.Buffer.new(BUMP, 0, 0, side, side)
    part = canvas.new_subpixbuf(left, top, width, height).copy()
    pixels.set(box, OPAQUE_SRGB, _rows(part))
    shares.set(Gegl.Rectangle.new(0, 0, side, side), BUMP, bump(moved.radius))
    data = _displaced(pixels, shares, moved.way, box)
    to_pixbuf(png.Pixels(width, height, 3, data)).copy_area(0, 0, width, height, canvas, left, top)


def _displaced(pixels: Gegl.Buffer, shares: Gegl.Buffer, way: tuple[float, float], box: Gegl.Rectangle) -> bytes:
    graph = Gegl.Node()
    moved = _node(graph, "gegl:displace", amount_x=-way[0], amount_y=-way[1])
    moved.set_property("sampler-type", Gegl.SamplerType.LINEAR)
    _node(graph, "gegl:buffer-source", buffer=pixels).connect_to("output", moved, "input")
    source = _node(graph, "gegl:buffer-source", buffer=shares)
    for pad in ("aux", "aux2"):
        source.connect_to("output", moved, pad)
    out = Gegl.Buffer.new(OPAQUE_SRGB, *_sides(box))
    moved.blit_buffer(out, box, 0, NONE)
    return bytes(out.get(box, 1.0, OPAQUE_SRGB, NONE))


def _node(graph: Gegl.Node, operation: str, **properties: object) -> Gegl.Node:
    node = graph.create_child(operation)
    for name, value in properties.items():
        node.set_property(name.replace("_", "-"), value)
    return node


def _sides(box: Gegl.Rectangle) -> tuple[int, int, int, int]:
    return box.x, box.y, box.width, box.height


def _rows(part: GdkPixbuf.Pixbuf) -> bytes:
    """The pixels without what pads their rows."""
    data, stride, row = part.read_pixel_bytes().get_data(), part.get_rowstride(), 3 * part.get_width()
    return b"".join(data[start : start + row] for start in range(0, stride * part.get_height(), stride))
