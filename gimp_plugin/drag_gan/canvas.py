"""All that touches GIMP's images: reading paths, pixels and selection, inserting the result layer.

Coordinates: GIMP gives paths in image pixels, buffers in layer pixels; both have (0, 0) at a top left corner.
"""

# pyright: reportMissingImports=false
# (gi comes with GIMP and brings no types)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
import png  # noqa: E402
from gi.repository import Gegl, Gimp, Gio  # noqa: E402
from problems import Problem  # noqa: E402

SRGB = {3: "R'G'B' u8", 4: "R'G'B'A u8"}  # what the backend works in, whatever the image's profile is
GREY_FILE = "Y' u8"  # a grey PNG's numbers as they stand in the file
MASK = "Y u8"  # masks and selections are linear in GIMP: the primed format changes their numbers
PLAIN_PRECISIONS = (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)


def start() -> None:
    """Make buffers usable; call once before anything else in here."""
    Gegl.init(None)


def require_layer(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    """The one layer to work on. Raises Problem for all but a single plain RGB layer of 8 bits."""
    if len(drawables) != 1:
        raise Problem(
            "Select exactly one layer to drag on; "
            + ("none is" if not drawables else f"{len(drawables)} are")
            + " selected."
        )
    layer = drawables[0]
    if not isinstance(layer, Gimp.Layer):
        raise Problem("Select the layer itself in the Layers dialog, not its mask or a channel.")
    if image.get_floating_sel() is not None:
        raise Problem("There is a floating selection; anchor it or make it a layer (Layer menu) first.")
    if layer.is_group():
        raise Problem("A layer group cannot be dragged on; select one of its layers, or merge the group first.")
    if image.get_base_type() != Gimp.ImageBaseType.RGB:
        raise Problem("Only RGB images can be dragged in; convert the image first with Image > Mode > RGB.")
    if image.get_precision() not in PLAIN_PRECISIONS:
        raise Problem(
            "Only images of 8 bits per channel with perceptual gamma can be dragged in; "
            "convert the image first with Image > Encoding."
        )
    return layer


def offset_of(layer: Gimp.Layer) -> tuple[int, int]:
    """(x, y) of the layer's top left corner in the image."""
    _, x, y = layer.get_offsets()
    return x, y


def size_of(layer: Gimp.Layer) -> tuple[int, int]:
    """(width, height) in pixels."""
    return layer.get_width(), layer.get_height()


def read_layer(layer: Gimp.Layer) -> png.Pixels:
    """The layer as it is seen without its mask: sRGB, RGBA when it has an alpha channel, filters applied."""
    if layer.get_filters():
        return _read_filtered(layer)
    return _read(layer, *size_of(layer))


def _read(layer: Gimp.Layer, width: int, height: int, scale: float = 1.0) -> png.Pixels:
    channels = 4 if layer.has_alpha() else 3
    area = Gegl.Rectangle.new(0, 0, width, height)
    data = layer.get_buffer().get(area, scale, SRGB[channels], Gegl.AbyssPolicy.CLAMP)
    return png.Pixels(width, height, channels, bytes(data))


def _read_filtered(layer: Gimp.Layer) -> png.Pixels:
    """Buffers do not know a layer's filters, so they are merged, in a copy of the image."""
    image = layer.get_image()
    copy = image.duplicate()
    try:
        twin = _same_place(image.get_layers(), copy.get_layers(), layer)
        twin.merge_filters()
        return _read(twin, *size_of(twin))
    finally:
        copy.delete()


def _same_place(originals: Sequence[Gimp.Layer], copies: Sequence[Gimp.Layer], wanted: Gimp.Layer) -> Gimp.Layer:
    """The layer of the copy that stands where `wanted` stands in the original; raises LookupError."""
    for original, copy in zip(originals, copies, strict=True):
        if original.get_id() == wanted.get_id():
            return copy
        if original.is_group():
            try:
                return _same_place(original.get_children(), copy.get_children(), wanted)
            except LookupError:
                continue
    raise LookupError(wanted.get_name())


def read_thumbnail(layer: Gimp.Layer, longest: int) -> png.Pixels:
    """The layer as RGB, made smaller so that its longer side has at most `longest` pixels."""
    width, height = size_of(layer)
    scale = min(1.0, longest / max(width, height))
    small = max(1, int(width * scale)), max(1, int(height * scale))
    area = Gegl.Rectangle.new(0, 0, *small)
    data = layer.get_buffer().get(area, scale, SRGB[3], Gegl.AbyssPolicy.CLAMP)
    return png.Pixels(*small, 3, bytes(data))


def read_selection(image: Gimp.Image, layer: Gimp.Layer) -> png.Pixels | None:
    """The selection over the layer (white = may move), or None when nothing is selected.

    Raises Problem when there is a selection that does not touch the layer.
    """
    if Gimp.Selection.is_empty(image):
        return None
    (x, y), (width, height) = offset_of(layer), size_of(layer)
    area = Gegl.Rectangle.new(x, y, width, height)
    data = bytes(image.get_selection().get_buffer().get(area, 1.0, MASK, Gegl.AbyssPolicy.NONE))
    if not any(data):
        raise Problem("The selection lies outside the layer, so nothing may move; select a part of it, or nothing.")
    return png.Pixels(width, height, 1, data)


def insert_result(
    image: Gimp.Image, source: Gimp.Layer, layer: Path, mask: Path, offset: tuple[int, int], seen: bool
) -> Gimp.Layer:
    """Insert the result above its source, with the changed area as its layer mask, in one undo step.

    Args: the backend's two PNG files; offset (x, y) of the result inside the source layer; whether an artist
    looks on, who wants to see the path further on.
    Raises Problem when the image or the source went away meanwhile.
    """
    if not (image.is_valid() and source.is_valid()):
        raise Problem("The image or the layer was closed while its drag was computed; the result is lost.")
    result = _new_layer(image, source, _load(layer, SRGB[4], 4), _load(mask, GREY_FILE, 1))
    x, y = offset_of(source)
    result.set_offsets(x + offset[0], y + offset[1])
    selected, paths = image.get_selected_layers(), image.get_selected_paths()
    image.undo_group_start()
    try:
        image.insert_layer(result, source.get_parent(), image.get_item_position(source))
        image.set_selected_layers(selected)
        if seen:
            _keep_overlay(paths)
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return result


def _keep_overlay(paths: Sequence[Gimp.Path]) -> None:
    """GIMP 3.2's Paths tool drops its drawing when a layer is inserted; a visible path can be picked up."""
    if (Gimp.MAJOR_VERSION, Gimp.MINOR_VERSION) >= (3, 2):
        for path in paths:
            path.set_visible(True)


def _new_layer(image: Gimp.Image, source: Gimp.Layer, pixels: png.Pixels, mask: png.Pixels) -> Gimp.Layer:
    """A layer with its mask, complete but not yet in the image: nothing is undoable before."""
    width, height = pixels.width, pixels.height
    if (mask.width, mask.height) != (width, height):
        raise Problem("The backend's layer and mask differ in size; update plug-in and backend by running install.py.")
    name = f"{source.get_name()} (dragged)"
    layer = Gimp.Layer.new(image, name, width, height, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
    area = Gegl.Rectangle.new(0, 0, width, height)
    layer.get_buffer().set(area, SRGB[4], pixels.data)
    layer_mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(layer_mask)
    layer_mask.get_buffer().set(area, MASK, mask.data)
    for drawable in (layer, layer_mask):
        drawable.get_buffer().flush()
        drawable.update(0, 0, width, height)
    return layer


def _load(file: Path, pixel_format: str, channels: int) -> png.Pixels:
    """Decode a picture file by GIMP itself."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(file)))
    if image is None:
        raise Problem(f"GIMP could not read the backend's file {file}; run the filter again.")
    try:
        layer = image.get_layers()[0]
        width, height = size_of(layer)
        data = layer.get_buffer().get(Gegl.Rectangle.new(0, 0, width, height), 1.0, pixel_format, Gegl.AbyssPolicy.NONE)
        return png.Pixels(width, height, channels, bytes(data))
    finally:
        image.delete()
