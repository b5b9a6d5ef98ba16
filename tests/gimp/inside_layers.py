"""Builds, inside GIMP, an image with one subject for every kind of layer: a disc to be dragged to the right.

The canvas is 140 x 110 pixels. The subject's pixels are 120 x 100, and the disc is in their middle. Both disc and
ground have a slope that 8 bits cannot hold, so that a loss of precision would be seen.
"""

from __future__ import annotations

# pyright: reportMissingImports=false
# (gi comes with GIMP and brings no types)
import array
import json
import math
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

CANVAS = (140, 110)
SIZE = (120, 100)
RADIUS = 20.0
DISC, GROUND, HIDDEN = (0.75, 0.45, 0.3), (0.2, 0.35, 0.5), (0.1, 0.9, 0.1)
SLOPE = 0.05  # from the left to the right
BASES = {"rgb": Gimp.ImageBaseType.RGB, "gray": Gimp.ImageBaseType.GRAY}
TYPES = {
    ("rgb", False): Gimp.ImageType.RGB_IMAGE,
    ("rgb", True): Gimp.ImageType.RGBA_IMAGE,
    ("gray", False): Gimp.ImageType.GRAY_IMAGE,
    ("gray", True): Gimp.ImageType.GRAYA_IMAGE,
}


def has_new_layers() -> bool:
    """Whether this GIMP has link and vector layers."""
    return hasattr(Gimp, "LinkLayer")


def build(kind: str, base: str, precision: str, alpha: bool, folder: str) -> dict[str, int]:
    """The image and the layer (or group) to drag on, which is selected. `alpha`: the disc is cut out."""
    image = Gimp.Image.new_with_precision(*CANVAS, BASES[base], getattr(Gimp.Precision, precision))
    if kind == "other profile":
        image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
    layer = MAKERS.get(kind, _plain)(image, base, alpha, folder)
    image.set_selected_layers([layer])
    image.clean_all()
    return {"image": image.get_id(), "layer": layer.get_id()}


def disc(layer: int) -> list[float]:
    """Left, top, right and bottom of the disc, in image pixels."""
    item = Gimp.Item.get_by_id(layer)
    _, x, y = item.get_offsets()
    width, height = item.get_width(), item.get_height()
    radius = RADIUS * min(width, height) / min(SIZE)
    return [x + width / 2 - radius, y + height / 2 - radius, x + width / 2 + radius, y + height / 2 + radius]


def show(layer: int, visible: bool) -> None:
    Gimp.Item.get_by_id(layer).set_visible(visible)


def _plain(
    image: Gimp.Image, base: str, alpha: bool, folder: str = "", size: tuple[int, int] = SIZE, parent: Any = None
) -> Gimp.Layer:
    layer = Gimp.Layer.new(image, "Subject", *size, TYPES[base, alpha], 100, Gimp.LayerMode.NORMAL)
    layer.set_offsets(6, 4)
    image.insert_layer(layer, parent, 0)
    _draw(layer, alpha)
    return layer


def _draw(layer: Gimp.Layer, alpha: bool) -> None:
    width, height = layer.get_width(), layer.get_height()
    radius = RADIUS * min(width, height) / min(SIZE)
    values = array.array("f")
    for y in range(height):
        for x in range(width):
            inside = min(max(radius - math.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) + 0.5, 0), 1)
            if alpha:
                values.extend([value + SLOPE * x / width for value in (DISC if inside else HIDDEN)] + [inside])
            else:
                mixed = (g + inside * (d - g) + SLOPE * x / width for d, g in zip(DISC, GROUND, strict=True))
                values.extend([*mixed, 1.0])
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), "R'G'B'A float", values.tobytes())
    buffer.flush()
    layer.update(0, 0, width, height)


def _beyond_white(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """A sun of eight times white in one corner, as only floating point holds it."""
    layer = _plain(image, base, alpha)
    sun = array.array("f", [8.0, 8.0, 8.0, 1.0] * 100)
    layer.get_buffer().set(Gegl.Rectangle.new(2, 2, 10, 10), "RGBA float", sun.tobytes())
    layer.get_buffer().flush()
    return layer


def _small(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    return _plain(image, base, alpha, size=(24, 20))


def _large(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """More rows than the plug-in reads and writes at a time."""
    image.resize(500, 410, 0, 0)
    return _plain(image, base, alpha, size=(480, 400))


def _offset(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    layer = _plain(image, base, alpha)
    layer.set_offsets(-15, 20)
    return layer


def _masked(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """The mask hides the lower half, softly."""
    layer = _plain(image, base, alpha)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    rows = b"".join(bytes([max(0, min(255, 255 - 12 * (y - 50)))]) * SIZE[0] for y in range(SIZE[1]))
    mask.get_buffer().set(Gegl.Rectangle.new(0, 0, *SIZE), "Y u8", rows)
    mask.get_buffer().flush()
    layer.set_edit_mask(False)
    return layer


def _in_group(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    return _plain(image, base, alpha, parent=group)


def _group(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """A group that shows the same as the plain layer: the disc's left half lies on another layer."""
    group = _in_group(image, base, alpha, folder).get_parent()
    (whole,) = group.get_children()
    half = whole.copy()
    image.insert_layer(half, group, 0)
    half.resize(SIZE[0] // 2, SIZE[1], 0, 0)
    return group


def _group_with_filter(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    group = _group(image, base, alpha, folder)
    _append(group, "gegl:invert-gamma")
    return group


def _group_with_shadow(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """In the group a filter reaches beyond its layer; reading such a group's own buffer kills the reader."""
    layer = _in_group(image, base, alpha, folder)
    shadow = Gimp.DrawableFilter.new(layer, "gegl:dropshadow", "Shadow")
    for name, value in (("x", 4.0), ("y", 4.0), ("radius", 2.0)):
        shadow.get_config().set_property(name, value)
    shadow.update()
    layer.append_filter(shadow)
    return layer.get_parent()


def _see_through_group(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    group = _group(image, base, alpha, folder)
    group.set_mode(Gimp.LayerMode.PASS_THROUGH)
    return group


def _filtered(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    layer = _plain(image, base, alpha)
    _append(layer, "gegl:invert-gamma")
    return layer


def _append(layer: Gimp.Layer, operation: str) -> None:
    layer.append_filter(Gimp.DrawableFilter.new(layer, operation, operation))


def _hidden(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    layer = _plain(image, base, alpha)
    layer.set_visible(False)
    return layer


def _locked(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    layer = _in_group(image, base, alpha, folder)
    for item in (layer, layer.get_parent()):
        item.set_lock_content(True)
        item.set_lock_position(True)
    layer.set_lock_alpha(True)
    return layer


def start_anew(image: int) -> None:
    """Take the result and the paths away again."""
    it = Gimp.Image.get_by_id(image)
    (subject,) = it.get_selected_layers()
    subject.set_visible(True)
    for layer in it.get_layers():
        if layer.get_id() != subject.get_id():
            it.remove_layer(layer)
    for path in it.get_paths():
        it.remove_path(path)


def made_of(layer: int) -> dict[str, Any]:
    """What a result says of how it was made (edit_parasite.py)."""
    return json.loads(bytes(Gimp.Item.get_by_id(layer).get_parasite("draggan-made").get_data()))


def claim(layer: int, **facts: Any) -> None:
    """Let a result say something else of how it was made, as a file from elsewhere can."""
    data = json.dumps({**made_of(layer), **facts}).encode()
    parasite = Gimp.Parasite.new("draggan-made", Gimp.PARASITE_PERSISTENT, data)
    Gimp.Item.get_by_id(layer).attach_parasite(parasite)


def tattoo(layer: int) -> int:
    return Gimp.Item.get_by_id(layer).get_tattoo()


def move(layer: int, x: int, y: int) -> None:
    """Move the layer by so many pixels."""
    item = Gimp.Item.get_by_id(layer)
    _, left, top = item.get_offsets()
    item.set_offsets(left + x, top + y)


def crop(layer: int, width: int, height: int) -> None:
    Gimp.Item.get_by_id(layer).resize(width, height, 0, 0)


def lock_visibility(layer: int) -> None:
    Gimp.Item.get_by_id(layer).set_lock_visibility(True)


def _half_opaque(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    layer = _plain(image, base, alpha)
    layer.set_opacity(60)
    return layer


def _text(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """A full block as a letter, on nothing."""
    layer = Gimp.TextLayer.new(image, " \u2588 ", Gimp.context_get_font(), 50, Gimp.Unit.pixel())
    image.insert_layer(layer, None, 0)
    layer.set_color(_colour())
    layer.set_offsets(20, 20)
    return layer


def _link(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """GIMP 3.2: a layer that shows a file."""
    other = Gimp.Image.new_with_precision(*SIZE, BASES[base], image.get_precision())
    _plain(other, base, alpha).set_offsets(0, 0)
    file = Gio.File.new_for_path(f"{folder}/linked.png")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, other, file, None)
    other.delete()
    layer = Gimp.LinkLayer.new(image, file)
    image.insert_layer(layer, None, 0)
    layer.set_offsets(6, 4)
    return layer


def _vector(image: Gimp.Image, base: str, alpha: bool, folder: str) -> Gimp.Layer:
    """GIMP 3.2: a layer that is a filled path, a square with two small ones that make room around it."""
    path = Gimp.Path.new(image, "shape")
    for x, y, side in ((50, 35, 40), (10, 5, 2), (128, 103, 2)):
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
        flat = [number for corner in corners for number in corner * 3]
        path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, flat, True)
    image.insert_path(path, None, 0)
    layer = Gimp.VectorLayer.new(image, path)
    image.insert_layer(layer, None, 0)
    layer.set_enable_stroke(False)
    layer.set_enable_fill(True)
    layer.set_fill_color(_colour())
    layer.refresh()
    return layer


def _colour() -> Gegl.Color:
    colour = Gegl.Color.new("black")
    colour.set_rgba(*DISC, 1.0)
    return colour


MAKERS = {
    "beyond white": _beyond_white,
    "small": _small,
    "large": _large,
    "offset": _offset,
    "mask": _masked,
    "in a group": _in_group,
    "group": _group,
    "group with a filter": _group_with_filter,
    "group with a shadow": _group_with_shadow,
    "see-through group": _see_through_group,
    "filter": _filtered,
    "hidden": _hidden,
    "locked": _locked,
    "half opaque": _half_opaque,
    "text": _text,
    "link": _link,
    "vector": _vector,
}
