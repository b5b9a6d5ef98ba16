"""The filter "Drag Along Paths": the subject of a layer follows the paths drawn on it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject

from backend.client import Backend, Flag, Result, Update
from core import drags, job, png, sketch
from core.problems import Cancelled, Problem
from gimp import display, paths, result_layer, source_layer
from gimp.edit_parasite import EditParasite
from gimp.source_layer import SourceLayer

PROCEDURE = "draggan-drag-along-paths"
SHORT = "Move what is under a path's first anchor to its last one"
LONG = (
    "Draw a path for each drag: its first anchor lies on the point to move, its last one where it should go; "
    "anchors between are passed in order, a path of one anchor holds a point in place. "
    "A selection limits what may move. The result is a new layer. On such a layer, the next drag goes on from it."
)
DELETED = "The layer was deleted during the drag; the result is now on top of the image."
PRESET_HELP = "0: as the model's author recommends"

log = logging.getLogger("draggan")


def describe(procedure: Gimp.ImageProcedure) -> None:
    """Tell GIMP of the filter: what it works on, its menu entry, its arguments."""
    # Every kind of image and layer is let in: a sentence helps more than a greyed-out menu entry.
    procedure.set_image_types("*")
    sensitivity = Gimp.ProcedureSensitivityMask
    procedure.set_sensitivity_mask(sensitivity.DRAWABLE | sensitivity.DRAWABLES | sensitivity.NO_DRAWABLES)
    procedure.set_menu_label("_Drag Along Paths...")
    procedure.set_icon_name("gimp-tool-path")
    procedure.set_documentation(SHORT, LONG, PROCEDURE)
    add_arguments(procedure)


def add_arguments(procedure: Gimp.Procedure) -> None:
    """The choices of the dialog and the arguments for scripts. The paths are read from the image."""
    flags = GObject.ParamFlags.READWRITE
    procedure.add_string_argument(
        "model", "_Model", "The name of a model, or the path of a model file", "critters", flags
    )
    anchors = Gimp.Choice.new()
    anchors.add("way-points", 0, "One drag with way-points", "The point passes each anchor on its way to the last one")
    anchors.add("separate", 1, "Separate drags", "Each two anchors are a drag: from the first to the second")
    anchors_help = "What a stroke of four, six or more anchors means"
    procedure.add_choice_argument("anchors", "Many a_nchors", anchors_help, anchors, "way-points", flags)
    region = Gimp.Choice.new()
    region.add("layer", 0, "Whole layer", "Work on as much of the layer as the model can show")
    region.add(
        "selection",
        1,
        "Around the selection",
        "Work on the square around the selection: sharper for a small subject",
    )
    procedure.add_choice_argument("region", "R_egion", "The part to work on", region, "layer", flags)
    procedure.add_int_argument(
        "steps", "S_teps (0: automatic)", f"Most steps of the drag ({PRESET_HELP})", 0, 2000, 0, flags
    )
    space = Gimp.Choice.new()
    space.add("w-plus", 0, "W+: follows the path", "Each layer of the network is moved by itself")
    space.add("w", 1, "W: stays natural", "All layers of the network are moved together")
    procedure.add_choice_argument("latent-space", "Latent s_pace", "What the drag may change", space, "w-plus", flags)
    mask_help = "How firmly unselected pixels are held (-1: as the model's author recommends)"
    procedure.add_double_argument("mask-weight", "Mask _weight (-1: automatic)", mask_help, -1, 1000, -1, flags)
    inversion_help = f"Steps to find the picture in the model ({PRESET_HELP})"
    procedure.add_int_argument("inversion-steps", "_Inversion steps (0: automatic)", inversion_help, 0, 10000, 0, flags)
    procedure.add_layer_return_value("layer", "Layer", "The new layer with the result", True, flags)


def options_from(config: Gimp.ProcedureConfig) -> dict[str, object]:
    """The options of the protocol; what is left to the model's preset is left out."""
    options: dict[str, object] = {
        "model": config.get_property("model") or "critters",
        "region": config.get_property("region"),
        "latent_space": "W" if config.get_property("latent-space") == "w" else "W+",
    }
    for name in ("steps", "inversion-steps"):
        if config.get_property(name) > 0:
            options[name.replace("-", "_")] = config.get_property(name)
    if config.get_property("mask-weight") >= 0:
        options["mask_weight"] = config.get_property("mask-weight")
    return options


def drag(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: Sequence[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    backend: Backend,
    downloads: Path,
) -> Gimp.Layer:
    """From the canvas to the new layer. Raises Problem or Cancelled, and then the image is as it was.

    `downloads` is a folder for files, which the caller deletes.
    """
    source_layer.start()
    source = SourceLayer.of(image, source_layer.require_layer(image, drawables))
    strokes = paths.read_strokes(image)
    # whoever has to draw anew should see no dialog first
    drags.drags_from_strokes(strokes, source.offset, source.size)
    # it starts, or at least gradio_client loads, while the layer is read
    threading.Thread(target=backend.prepare, daemon=True).start()
    selection = source.read_selection(image)
    parasite = EditParasite.of(source)
    if parasite.model and run_mode != Gimp.RunMode.NONINTERACTIVE:  # an artist may choose another, a script has
        config.set_property("model", parasite.model)
    with_windows = run_mode != Gimp.RunMode.NONINTERACTIVE and display.opened(PROCEDURE)
    if run_mode == Gimp.RunMode.INTERACTIVE:
        if not with_windows:
            raise Problem("There is no screen to show a dialog on; run the filter non-interactively.")
        ask(procedure, config, sketch_of(source, selection, strokes), parasite.remark, backend)
    found = drags.drags_from_strokes(strokes, source.offset, source.size, config.get_property("anchors"))
    if config.get_property("region") == "selection" and selection is None:
        raise Problem(
            "Nothing is selected to work around; select the subject, or choose the whole layer as the region."
        )
    snapshot, picture = source.snapshot(), downloads / "layer.png"
    as_patch = source_layer.write_picture(snapshot, picture) and source.can_be_covered(parasite.own_mask)
    if not as_patch:
        source.require_hideable()
    options = {**options_from(config), "result": "patch" if as_patch else "whole"}
    asked = [one.to_wire() for one in found]
    log.info("asked: %s", {"drags": asked, **options})
    task = job.Task(picture, selection, asked, options, *parasite.write(image, downloads))

    def work(show: Callable[[Update], None], cancelled: Flag, enough: Flag) -> Result:
        return job.work(backend, task, downloads, show, cancelled, enough)

    made = watch(source, found, work) if with_windows else work(lambda update: None, lambda: False, lambda: False)
    insert = result_layer.insert_patch if as_patch else result_layer.insert_whole
    insertion = result_layer.Insertion(source, snapshot, options, parasite.own_mask, with_windows, parasite.origin)
    inserted = insert(image, insertion, made)
    log.info("done: %s", dict(made.report))
    remarks = made.remarks() if source_layer.is_in(image, source.layer) else [DELETED, *made.remarks()]
    if remarks:
        Gimp.message("\n".join(remarks))
    return inserted


def sketch_of(source: SourceLayer, selection: png.Pixels | None, strokes: Sequence[drags.Stroke]) -> sketch.Sketch:
    """What the dialog draws."""
    picture = source.thumbnail(sketch.LONGEST_SIDE)
    mask = sketch.shrunk(selection, (picture.width, picture.height)) if selection else None
    box = sketch.box_around(selection)
    return sketch.Sketch(picture, mask, strokes, source.offset, source.size, box)


def ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    shown: sketch.Sketch,
    remark: str,
    backend: Backend,
) -> None:
    """Show the dialog, with a remark; the backend starts meanwhile. Raises Cancelled."""
    from gimp import dialog

    def fetch_models() -> list[str]:
        return backend.answer(lambda connection: connection.models) or []

    def fetch_region(options: Mapping[str, object]) -> sketch.Box | None:
        return backend.answer(lambda connection: connection.region(shown.size, shown.selected, options))

    if not dialog.ask(procedure, config, shown, remark, dialog.Asking(fetch_models, fetch_region, options_from)):
        raise Cancelled


def watch(source: SourceLayer, found: Sequence[drags.Drag], work: Callable[..., Result]) -> Result:
    """Do the work behind a window that shows it."""
    from gimp import progress_window

    region = (0, 0, *source.size)
    window = progress_window.ProgressWindow("Drag Along Paths", source.thumbnail(progress_window.LONGEST_SIDE), region)
    points, targets = tuple(one.handle for one in found), tuple(one.target for one in found)
    return window.run(work, Update("start", 0, 0, "Starting...", points, targets))
