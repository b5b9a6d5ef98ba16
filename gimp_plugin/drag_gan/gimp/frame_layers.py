"""Motion frames as layers in a group, the first at the bottom, named so that GIMP plays them as an animation."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp

from backend.client import Frames, png
from backend.errors import UserError
from core import logs
from core.i18n import _
from gimp.change_adder import ChangeAdder
from gimp.result_layer import DRAGGED_BEFORE, TYPES, complete, take_over_mask, take_over_mode
from gimp.source_layer import FINE_SRGB, NONE, SRGB, STRIP, SourceLayer, is_in, require_open

DURATION = "(100ms)"  # as GIMP's animations have it in the names of their layers
REPLACE = "(replace)"  # the same: a frame that is transparent somewhere does not lie over those before


def make(
    image: Gimp.Image, frames: Frames, pixels: Gegl.Buffer, place: tuple[int, int], offset: tuple[int, int]
) -> list[Gimp.Layer]:
    """Make a layer of each frame, not yet in the image: nothing is undoable before.

    Args:
        frames: as the backend made them, of 8 bits.
        pixels: a snapshot of what they were made of, to which their change is added.
        place: (x, y) of them in that.
        offset: (x, y) of them in the image.

    Raises:
        UserError: the image was closed meanwhile, or the backend's file cannot be read.
    """
    require_open(image)
    try:
        file = png.File.of(frames.file)
        height = file.height // frames.count
        kind, adder = TYPES[image.get_base_type()], ChangeAdder(STRIP * file.width * 4)
        layers = []
        for number, content in enumerate(file.strips(height), start=1):
            name = " ".join([_("Frame {number}").format(number=number), DURATION])
            if content[3::4].strip(b"\xff"):
                name += REPLACE
            layer = Gimp.Layer.new(image, name, file.width, height, kind, 100, Gimp.LayerMode.NORMAL)
            layer.set_offsets(*offset)
            _fill(layer, content, pixels, place, adder)
            layers.append(layer)
        return layers
    except (OSError, ValueError) as error:
        raise UserError(
            _("The backend's result cannot be read ({error}); update both by running install.py.").format(error=error),
            logs.file(),
        ) from error


def _fill(layer: Gimp.Layer, content: bytes, pixels: Gegl.Buffer, place: tuple[int, int], adder: ChangeAdder) -> None:
    width, height = layer.get_width(), layer.get_height()
    written = layer.get_buffer()
    for top in range(0, height, STRIP):
        count = min(STRIP, height - top)
        rows = Gegl.Rectangle.new(place[0], place[1] + top, width, count)
        after = content[4 * width * top : 4 * width * (top + count)]
        before = bytes(pixels.get(rows, 1.0, SRGB, NONE))
        values = bytes(pixels.get(rows, 1.0, FINE_SRGB, NONE))
        if after != before:
            values = adder.add(values, after, before)
        written.set(Gegl.Rectangle.new(0, top, width, count), FINE_SRGB, values)
    complete(layer, written)


def insert(
    image: Gimp.Image, layers: list[Gimp.Layer], source: SourceLayer, covers: bool, own_mask: bool
) -> Gimp.GroupLayer:
    """Insert the layers in a group above the source, or on top of the image when that was deleted, in one undo step.

    Args:
        layers: the first is to be the lowest.
        covers: whether they hide all that is seen of the source; else it is hidden, and the group takes its place.
        own_mask: whether the source's mask is of our making.
    """
    require_open(image)  # making the layers may have taken seconds
    there, selected = is_in(image, source.layer), image.get_selected_layers()
    parent, position = (source.layer.get_parent(), image.get_item_position(source.layer)) if there else (None, 0)
    group = Gimp.GroupLayer.new(image, " ".join([DRAGGED_BEFORE.sub("", source.name), _("(motion)")]))
    image.undo_group_start()
    try:
        image.insert_layer(group, parent, position)
        for layer in layers:
            image.insert_layer(layer, group, 0)
        if there and not covers:
            take_over_mode(source.layer, group)
            if not own_mask:
                take_over_mask(source.layer, group)
            source.layer.set_visible(False)
        image.set_selected_layers(selected or [group])
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return group


def open_as_image(image: Gimp.Image, group: Gimp.GroupLayer) -> Gimp.Layer:
    """Make a new image with a layer for each frame of a group, of all that is seen with it; return the last one.

    Args:
        image: of the group, in which no frame is visible afterwards.
    """
    size, kind = (image.get_width(), image.get_height()), image.get_base_type()
    new = Gimp.Image.new_with_precision(*size, kind, image.get_precision())
    new.set_resolution(*image.get_resolution()[1:])
    profile = image.get_color_profile()
    if profile:
        new.set_color_profile(profile)
    frames = group.get_children()
    for frame in frames:
        frame.set_visible(False)
    new.undo_disable()
    for frame in reversed(frames):
        frame.set_visible(True)
        new.insert_layer(Gimp.Layer.new_from_visible(image, new, frame.get_name()), None, 0)
        frame.set_visible(False)
    new.undo_enable()
    return new.get_layers()[0]
