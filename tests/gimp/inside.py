"""Runs inside GIMP, imported by python-fu-eval: does what the tests send over a loopback socket, one by one.

A message is one line of JSON: [function, arguments, named arguments]. The answer is one line, too:
{"value": ...} or {"error": traceback}.
Images, layers and paths are named by their ids.
"""

from __future__ import annotations

# pyright: reportMissingImports=false
# (gi comes with GIMP and brings no types)
import base64
import hashlib
import json
import os
import socket
import traceback
from collections.abc import Sequence
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
import inside_layers  # noqa: E402
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

PROCEDURE, SAMPLE = "draggan-drag-along-paths", "draggan-new-sample-image"
FRAMES = "draggan-motion-as-frames"
BASES = {"rgb": Gimp.ImageBaseType.RGB, "gray": Gimp.ImageBaseType.GRAY}
TYPES = {
    "rgb": Gimp.ImageType.RGB_IMAGE,
    "rgba": Gimp.ImageType.RGBA_IMAGE,
    "gray": Gimp.ImageType.GRAY_IMAGE,
}


def is_registered() -> bool:
    return Gimp.get_pdb().procedure_exists(PROCEDURE)


def load(path: str) -> int:
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path)).get_id()


def new_image(width: int, height: int, kind: str = "rgb", precision: str = "U8_NON_LINEAR") -> int:
    base = BASES[kind.removesuffix("a")]
    image = Gimp.Image.new_with_precision(width, height, base, getattr(Gimp.Precision, precision))
    layer = Gimp.Layer.new(image, "Subject", width, height, TYPES[kind], 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    layer.fill(Gimp.FillType.WHITE)
    return image.get_id()


def the_image(image: int) -> Gimp.Image:
    return Gimp.Image.get_by_id(image)


def images() -> list[int]:
    return [image.get_id() for image in Gimp.get_images()]


def close_image(image: int) -> None:
    the_image(image).delete()


def draw_path(image: int, *strokes: Sequence[Sequence[float]], closed: bool = False, called: str = "drags") -> int:
    """One path with one stroke for each list of anchors (x, y), which is selected afterwards."""
    path = Gimp.Path.new(the_image(image), called)
    for anchors in strokes:
        flat = [number for x, y in anchors for number in (x, y) * 3]
        path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, flat, closed)
    the_image(image).insert_path(path, None, 0)
    return path.get_id()


def remove_paths(image: int) -> None:
    for path in the_image(image).get_paths():
        the_image(image).remove_path(path)


def select(image: int, x: int, y: int, width: int, height: int, feather: float = 0) -> None:
    Gimp.context_set_feather(feather > 0)
    Gimp.context_set_feather_radius(feather, feather)
    the_image(image).select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)


def select_nothing(image: int) -> None:
    Gimp.Selection.none(the_image(image))


def call(image: int, method: str, *arguments: Any) -> None:
    """Call a method of the image that takes plain values only."""
    getattr(the_image(image), method)(*arguments)


def convert_indexed(image: int) -> None:
    palette = Gimp.ConvertPaletteType.GENERATE
    the_image(image).convert_indexed(Gimp.ConvertDitherType.NONE, palette, 16, False, False, "")


def wrap_in_group(image: int) -> int:
    """Move the first layer into a new group, which is selected afterwards."""
    layer = the_image(image).get_layers()[0]
    group = add_group(image)
    the_image(image).reorder_item(layer, Gimp.Item.get_by_id(group), 0)
    return group


def add_group(image: int) -> int:
    """An empty group, which is selected afterwards."""
    group = Gimp.GroupLayer.new(the_image(image), "Group")
    the_image(image).insert_layer(group, None, 0)
    the_image(image).set_selected_layers([group])
    return group.get_id()


def add_layer(image: int, x: int, y: int, width: int, height: int) -> int:
    layer = Gimp.Layer.new(the_image(image), "Small", width, height, TYPES["rgba"], 100, Gimp.LayerMode.NORMAL)
    layer.set_offsets(x, y)
    the_image(image).insert_layer(layer, None, 0)
    layer.fill(Gimp.FillType.WHITE)
    return layer.get_id()


def float_selection(image: int) -> None:
    layers = the_image(image).get_layers()
    Gimp.Selection.float(the_image(image), layers[:1], 5, 5)


def edit_mask(image: int) -> None:
    """Give the first layer a mask and select that mask, as a click on it does."""
    layer = the_image(image).get_layers()[0]
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    layer.set_edit_mask(True)


def add_filter(image: int) -> None:
    """Put a non-destructive colour inversion on the first layer."""
    layer = the_image(image).get_layers()[0]
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "Invert"))


def select_layers(image: int, layers: Sequence[int]) -> None:
    the_image(image).set_selected_layers([Gimp.Item.get_by_id(layer) for layer in layers])


def drag(image: int, drawables: Sequence[int] | None = None, **settings: Any) -> dict[str, Any]:
    """Run the filter as a script does, on the selected drawables unless others are named."""
    return _run(PROCEDURE, image, drawables, settings)


def motion_frames(image: int, layer: int, **settings: Any) -> dict[str, Any]:
    """Take the motion of a layer as a script does."""
    return _run(FRAMES, image, [layer], settings)


def _run(name: str, image: int, drawables: Sequence[int] | None, settings: dict[str, Any]) -> dict[str, Any]:
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    run_mode = getattr(Gimp.RunMode, settings.pop("run_mode", "NONINTERACTIVE"))
    config.set_property("run-mode", run_mode)
    config.set_property("image", the_image(image))
    if drawables is None:
        chosen = the_image(image).get_selected_drawables()
    else:
        chosen = [Gimp.Item.get_by_id(drawable) for drawable in drawables]
    config.set_core_object_array("drawables", chosen)
    for name, value in settings.items():
        config.set_property(name.replace("_", "-"), value)
    values = procedure.run(config)
    status = values.index(0)
    if status == Gimp.PDBStatusType.SUCCESS:
        return {"status": "success", "layer": values.index(1).get_id()}
    said = str(values.index(1)) if values.length() > 1 else ""
    return {"status": "cancel" if status == Gimp.PDBStatusType.CANCEL else "error", "message": said}


def sample(**settings: Any) -> dict[str, Any]:
    """Make a sample image as a script does."""
    procedure = Gimp.get_pdb().lookup_procedure(SAMPLE)
    config = procedure.create_config()
    for name, value in settings.items():
        config.set_property(name, value)
    values = procedure.run(config)
    if values.index(0) == Gimp.PDBStatusType.SUCCESS:
        return {"status": "success", "image": values.index(1).get_id()}
    return {"status": "error", "message": str(values.index(1))}


def script_fu(text: str) -> dict[str, str]:
    """Run a line of Scheme, as a script of GIMP's own language does."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("script", text)
    return _outcome(procedure.run(config))


def run_command(name: str, run_mode: str = "INTERACTIVE") -> dict[str, str]:
    """Run a command that needs no image; with a window, until that is closed."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", getattr(Gimp.RunMode, run_mode))
    return _outcome(procedure.run(config))


def menu_label(name: str) -> str:
    return Gimp.get_pdb().lookup_procedure(name).get_menu_label()


def _outcome(values: Gimp.ValueArray) -> dict[str, str]:
    done = values.index(0) == Gimp.PDBStatusType.SUCCESS
    return {"status": "success" if done else "error", "message": "" if done else str(values.index(1))}


def save(image: int, path: str) -> None:
    """Write the image to a file, in the format that its name tells."""
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, the_image(image), Gio.File.new_for_path(path), None)


def display(image: int) -> None:
    """Open a window for the image."""
    Gimp.Display.new(the_image(image))


def remove_layer(image: int, layer: int) -> None:
    the_image(image).remove_layer(Gimp.Item.get_by_id(layer))


def paint(item: int, x: int, y: int) -> None:
    """Make a small spot of a layer or mask black."""
    drawable = Gimp.Item.get_by_id(item)
    buffer = drawable.get_buffer()
    buffer.set(Gegl.Rectangle.new(x, y, 4, 5), "R'G'B'A u8", bytes([0, 0, 0, 255]) * 20)
    buffer.flush()
    drawable.update(x, y, 4, 5)


def mask_of(layer: int) -> int:
    return Gimp.Item.get_by_id(layer).get_mask().get_id()


def set_opacity(layer: int, percent: float) -> None:
    Gimp.Item.get_by_id(layer).set_opacity(percent)


def opacity(layer: int) -> float:
    return Gimp.Item.get_by_id(layer).get_opacity()


def state(image: int) -> dict[str, Any]:
    """All of an image that the filter must leave alone, with fingerprints of the pixels."""
    it = the_image(image)
    live = {layer: is_live(layer) for layer in it.get_layers()}
    return {
        "layers": [_layer(layer) for layer in live if not live[layer] and layer.is_valid()],
        "live layers": [layer.get_id() for layer in live if live[layer]],
        "selected layers": [layer.get_id() for layer in it.get_selected_layers()],
        "selection": _fingerprint(it.get_selection()),
        "paths": [_path(path) for path in it.get_paths()],
        "selected paths": [path.get_id() for path in it.get_selected_paths()],
        "changed": it.is_dirty(),
    }


def is_live(layer: Gimp.Layer) -> bool:
    """Whether it is there only while the drag window is."""
    return layer.get_parasite("draggan-live") is not None


def _layer(layer: Gimp.Layer) -> dict[str, Any]:
    mask = layer.get_mask()
    return {
        "id": layer.get_id(),
        "name": layer.get_name(),
        "offset": list(layer.get_offsets()[1:]),
        "size": [layer.get_width(), layer.get_height()],
        # a group's buffer kills who reads it when a filter in it reaches beyond its layer; its children are told below
        "pixels": None if layer.is_group() else _fingerprint(layer),
        "visible": layer.get_visible(),
        "mask": _fingerprint(mask) if mask else None,
        "children": [_layer(child) for child in layer.get_children()] if layer.is_group() else [],
    }


def _path(path: Gimp.Path) -> list[Any]:
    strokes = [path.stroke_get_points(stroke) for stroke in path.get_strokes()]
    return [path.get_id(), path.get_name(), path.get_visible(), [[list(s[1]), s[2]] for s in strokes]]


def _fingerprint(drawable: Gimp.Drawable) -> str:
    area = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return hashlib.sha256(drawable.get_buffer().get(area, 1.0, None, Gegl.AbyssPolicy.NONE)).hexdigest()


def pixels(item: int, pixel_format: str | None) -> list[Any]:
    """[width, height, base64] of a layer's or mask's pixels; without a format, in its own."""
    drawable = Gimp.Item.get_by_id(item)
    return _pixels(drawable, pixel_format)


def mask_pixels(layer: int) -> list[Any]:
    return _pixels(Gimp.Item.get_by_id(layer).get_mask(), "Y u8")


def selection_pixels(image: int) -> list[Any]:
    return _pixels(the_image(image).get_selection(), "Y u8")


def visible_pixels(image: int, pixel_format: str | None = "R'G'B'A u8") -> list[Any]:
    """What the artist sees, without showing the image: [width, height, base64 of the pixels]."""
    seen = Gimp.Layer.new_from_visible(the_image(image), the_image(image), "seen")
    answer = _pixels(seen, pixel_format)
    seen.delete()
    return answer


def _pixels(drawable: Gimp.Drawable, pixel_format: str | None) -> list[Any]:
    size = drawable.get_width(), drawable.get_height()
    area = Gegl.Rectangle.new(0, 0, *size)
    data = drawable.get_buffer().get(area, 1.0, pixel_format, Gegl.AbyssPolicy.NONE)
    return [*size, base64.b64encode(bytes(data)).decode()]


def serve() -> None:
    connection = socket.create_connection(("127.0.0.1", int(os.environ["DRAGGAN_TEST_PORT"])))
    Gegl.init(None)
    # what has just gone is asked for now and then; else GIMP shows a message to the artist
    Gimp.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
    answers = connection.makefile("w", encoding="utf-8")
    for line in connection.makefile("r", encoding="utf-8"):
        name, positional, named = json.loads(line)
        try:
            function = globals().get(name) or getattr(inside_layers, name)
            answer = {"value": function(*positional, **named)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
