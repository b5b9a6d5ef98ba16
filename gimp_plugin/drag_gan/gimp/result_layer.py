"""The new layer with the result: a patch above the layer that was dragged on, or a whole layer in its place.

The backend works with 8 bits, the layer may have more. So what is written is the layer's own value, in 16 bits, plus
the change: what came back less what was sent. Where nothing changed, that is the layer's own value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp

from backend.client import Box, Result, png
from backend.errors import UserError
from core import logs
from core.i18n import _
from gimp import edit_parasite
from gimp.change_adder import ChangeAdder
from gimp.source_layer import FINE_SRGB, MASK, NONE, SRGB, STRIP, SourceLayer, is_in, require_open

DRAGGED = _("(dragged)")
# English or not, with the number that GIMP gives the second of a name
DRAGGED_BEFORE = re.compile(rf" (\(dragged\)|{re.escape(DRAGGED)})( #\d+)?$")
FINE_BYTES = 8  # of one pixel
TYPES = {Gimp.ImageBaseType.RGB: Gimp.ImageType.RGBA_IMAGE, Gimp.ImageBaseType.GRAY: Gimp.ImageType.GRAYA_IMAGE}


@dataclass(frozen=True)
class Insertion:
    """What the backend was given, which the new layer is put together from and remembers.

    Args:
        source: the layer that is dragged on.
        snapshot: its pixels as the backend was given them.
        as_patch: whether the result lies above the source, as a patch, or stands in its place.
        own_mask: whether the source's mask came with it from its own drag, to leave out what had not changed.
        origin: the pixels that the source's own edit began with, None without one.
    """

    source: SourceLayer
    snapshot: Gegl.Buffer
    as_patch: bool
    own_mask: bool
    origin: edit_parasite.Origin | None = None

    def origin_of(self, result: Result, whole: Box) -> edit_parasite.Origin:
        """Return the pixels that the result's edit began with: those of the source's own edit, or the source."""
        if result.from_original and self.origin:
            return self.origin
        return edit_parasite.Origin(self.source.tattoo, result.region or whole)


def make(image: Gimp.Image, insertion: Insertion, result: Result) -> Gimp.Layer:
    """Make the layer with the result, which carries its edit; it is not yet in the image: nothing is undoable before.

    Raises:
        UserError: the image was closed meanwhile.
        UserError: the backend's files cannot be read.
    """
    require_open(image)
    return (_patch if insertion.as_patch else _whole)(image, insertion, result)


def _patch(image: Gimp.Image, insertion: Insertion, result: Result) -> Gimp.Layer:
    """Make a layer of what was worked on, with the changed area as its layer mask."""
    edited, mask, box = _open_files(image, result)
    region = result.region or box
    layer = _new_layer(image, insertion.source, region)
    layer_mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(layer_mask)
    pixels, shown = layer.get_buffer(), layer_mask.get_buffer()
    insertion.snapshot.copy(Gegl.Rectangle.new(*region), NONE, pixels, Gegl.Rectangle.new(0, 0, *region[2:]))
    for rows, values, changed in _changes(insertion.snapshot, edited, mask, box):
        place = Gegl.Rectangle.new(rows.x - region[0], rows.y - region[1], rows.width, rows.height)
        pixels.set(place, FINE_SRGB, values)
        shown.set(place, MASK, changed)
    complete(layer, pixels)
    complete(layer_mask, shown)
    edit_parasite.attach(layer, pixels, result, True, insertion.origin_of(result, region))
    return layer


def _whole(image: Gimp.Image, insertion: Insertion, result: Result) -> Gimp.Layer:
    """Make a copy of the source with the change in it.

    It takes over opacity, mode and layer mask. Pixels where the changed area is 0 are the source's own, bit for
    bit. The layer of `result` has its mask already applied.
    """
    source, snapshot = insertion.source, insertion.snapshot
    edited, mask, box = _open_files(image, result)
    layer = _new_layer(image, source, (0, 0, *source.size))
    pixels = layer.get_buffer()
    exists = source.layer.is_valid()  # deleted for good, it has no pixels, mode or mask any more
    (source.native if exists else snapshot).copy(source.area, NONE, pixels, source.area)
    for rows, values, changed in _changes(snapshot, edited, mask, box):
        for x, y, width in _runs(changed, rows.width):
            start = FINE_BYTES * (y * rows.width + x)
            run = Gegl.Rectangle.new(rows.x + x, rows.y + y, width, 1)
            pixels.set(run, FINE_SRGB, values[start : start + FINE_BYTES * width])
    complete(layer, pixels)
    if exists:
        take_over_mode(source.layer, layer)
        take_over_mask(source.layer, layer)
    if insertion.own_mask and layer.get_mask():
        _widen(layer.get_mask(), mask, box)
    edit_parasite.attach(layer, pixels, result, insertion.own_mask, insertion.origin_of(result, box))
    return layer


def _open_files(image: Gimp.Image, result: Result) -> tuple[png.File, png.File, Box]:
    """Return the backend's layer and mask, and their box of the source."""
    require_open(image)
    try:
        edited, mask = png.File.of(result.layer), png.File.of(result.mask)
    except (OSError, ValueError) as error:
        raise UserError(
            _("The backend's result cannot be read ({error}); update both by running install.py.").format(error=error),
            logs.file(),
        ) from error
    size = edited.width, edited.height
    if (mask.width, mask.height) != size or (edited.channels, mask.channels) != (4, 1):
        raise UserError(_("The backend's layer and mask do not fit; update both by running install.py."), logs.file())
    return edited, mask, (*result.offset, *size)


def _new_layer(image: Gimp.Image, source: SourceLayer, box: Box) -> Gimp.Layer:
    """Make a layer for this box of the source, not yet in the image: nothing is undoable before."""
    x, y, width, height = box
    name = f"{DRAGGED_BEFORE.sub('', source.name)} {DRAGGED}"  # not twice
    kind = TYPES[image.get_base_type()]
    layer = Gimp.Layer.new(image, name, width, height, kind, 100, Gimp.LayerMode.NORMAL)
    layer.set_offsets(source.offset[0] + x, source.offset[1] + y)
    return layer


def _changes(
    snapshot: Gegl.Buffer, edited: png.File, mask: png.File, box: Box
) -> Iterator[tuple[Gegl.Rectangle, bytes, bytes]]:
    """Yield where rows of the box have changed: the rows, their new values as FINE_SRGB, and the mask's values."""
    x, y, width, _ = box
    adder = ChangeAdder(STRIP * width * 4)
    for after, changed in zip(edited.strips(STRIP), mask.strips(STRIP), strict=True):
        rows = Gegl.Rectangle.new(x, y, width, len(changed) // width)
        before = bytes(snapshot.get(rows, 1.0, SRGB, NONE))
        if after != before:
            values = bytes(snapshot.get(rows, 1.0, FINE_SRGB, NONE))
            yield rows, adder.add(values, after, before), changed
        y += rows.height


def _runs(mask: bytes, width: int) -> Iterator[tuple[int, int, int]]:
    """Yield (x, y, width) of every stretch of a row where the mask is not 0."""
    for y in range(len(mask) // width):
        for run in re.finditer(rb"[^\0]+", mask[y * width : (y + 1) * width]):
            yield run.start(), y, run.end() - run.start()


def complete(drawable: Gimp.Drawable, written: Gegl.Buffer) -> None:
    """Hand over what was written. Each get_buffer() is a buffer of its own: flushing another one does nothing."""
    written.flush()
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())


def take_over_mode(source: Gimp.Layer, layer: Gimp.Layer) -> None:
    """Mix a layer with those below it as its source is: opacity and mode."""
    layer.set_opacity(source.get_opacity())
    if source.get_mode() != Gimp.LayerMode.PASS_THROUGH:  # which only groups can have
        layer.set_mode(source.get_mode())
        layer.set_blend_space(source.get_blend_space())
        layer.set_composite_space(source.get_composite_space())
        layer.set_composite_mode(source.get_composite_mode())


def take_over_mask(source: Gimp.Layer, layer: Gimp.Layer) -> None:
    """Give a layer the layer mask of its source, if that has one."""
    mask = source.get_mask()
    if mask is None:
        return
    twin = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(twin)
    (source_x, source_y), (x, y) = source.get_offsets()[1:], layer.get_offsets()[1:]
    whole = Gegl.Rectangle.new(0, 0, mask.get_width(), mask.get_height())
    place = Gegl.Rectangle.new(source_x - x, source_y - y, whole.width, whole.height)
    values = twin.get_buffer()
    mask.get_buffer().copy(whole, NONE, values, place)
    complete(twin, values)
    layer.set_apply_mask(source.get_apply_mask())


def _widen(layer_mask: Gimp.LayerMask, mask: png.File, box: Box) -> None:
    """Let the layer mask show what has changed now, too."""
    x, y, width, _ = box
    values = layer_mask.get_buffer()
    for changed in mask.strips(STRIP):
        rows = Gegl.Rectangle.new(x, y, width, len(changed) // width)
        before = bytes(values.get(rows, 1.0, MASK, NONE))
        values.set(rows, MASK, bytes(map(max, before, changed)))
        y += rows.height
    complete(layer_mask, values)


def insert(image: Gimp.Image, insertion: Insertion, layer: Gimp.Layer, show_path: bool) -> None:
    """Insert the complete layer in one undo step: above the source, or on top of the image when that was deleted.

    The source is hidden where it would be seen beside it.

    Args:
        show_path: whether an artist looks on, who wants to see the path further on.

    Raises:
        UserError: the image was closed meanwhile.
    """
    require_open(image)  # making the layer may have taken seconds
    source, selected = insertion.source.layer, image.get_selected_layers()
    there = is_in(image, source)
    parent, position = (source.get_parent(), image.get_item_position(source)) if there else (None, 0)
    if layer.get_mask():
        layer.set_edit_mask(False)  # as GIMP has it, whoever selects the layer would paint on its mask
    image.undo_group_start()
    try:
        image.insert_layer(layer, parent, position)
        if there and not insertion.as_patch:
            source.set_visible(False)
        image.set_selected_layers(selected or [layer])
        if show_path:
            _keep_overlay(image)
    finally:
        image.undo_group_end()
    Gimp.displays_flush()


def _keep_overlay(image: Gimp.Image) -> None:
    """Show the path: GIMP 3.2's Paths tool drops its drawing when a layer is inserted, but picks a visible path up."""
    if (Gimp.MAJOR_VERSION, Gimp.MINOR_VERSION) >= (3, 2):
        for path in image.get_selected_paths():
            path.set_visible(True)
