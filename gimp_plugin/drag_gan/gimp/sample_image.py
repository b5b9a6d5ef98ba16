"""The command "New Sample Image": an image of the model's own, which can be dragged at once, without an inversion."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, GObject

from backend.client import Backend, Flag, Result, Update, png
from backend.errors import Cancelled, UserError
from core import job, logs
from core.i18n import _
from gimp import display, edit_parasite, source_layer

PROCEDURE = "draggan-new-sample-image"
TITLE = _("New Sample Image")
SHORT = _("Make an image that a model has made up")
LONG = _(
    "Choose one of the pictures that a model makes up. It can be dragged along paths without being looked for first."
)
LARGEST_SEED = 2**31 - 1

log = logging.getLogger("draggan.sample")


def describe(procedure: Gimp.Procedure) -> None:
    """Tell GIMP of the command: its menu entry and its arguments. It works without any image."""
    procedure.set_menu_label(_("_New Sample Image..."))
    procedure.set_icon_name("document-new")
    procedure.set_documentation(SHORT, LONG, PROCEDURE)
    flags = GObject.ParamFlags.READWRITE
    modes = _("Interactive, or not: then nothing is asked and no window is opened")
    procedure.add_enum_argument("run-mode", _("Run mode"), modes, Gimp.RunMode, Gimp.RunMode.NONINTERACTIVE, flags)
    procedure.add_string_argument(
        "model", _("_Model"), _("The name of a model, or the path of a model file"), "critters", flags
    )
    procedure.add_int_argument("seed", _("See_d"), _("The number of the picture"), 0, LARGEST_SEED, 0, flags)
    truncation = _("Low: near to the average, and clean; high: varied")
    procedure.add_double_argument("truncation", _("_Truncation"), truncation, 0, 1.5, 0.7, flags)
    classes = _("The class of the picture, for a model that has classes (-1: it has none)")
    procedure.add_int_argument("class", _("C_lass (-1: none)"), classes, -1, 100_000, -1, flags)
    look_help = _("The number of the picture whose colours it gets (-1: its own)")
    procedure.add_int_argument("look", _("Loo_k (-1: its own)"), look_help, -1, LARGEST_SEED, -1, flags)
    procedure.add_image_return_value("image", _("Image"), _("The new image"), True, flags)


def options_from(config: Gimp.ProcedureConfig, seeds: Sequence[int]) -> dict[str, object]:
    """Turn the arguments into the options of the protocol, for the images of these seeds."""
    options: dict[str, object] = {
        "model": config.get_property("model") or "critters",
        "seeds": list(seeds),
        "truncation_psi": config.get_property("truncation"),
    }
    if config.get_property("look") >= 0:
        options["look"] = config.get_property("look")
    if config.get_property("class") >= 0:
        options["label"] = config.get_property("class")
    return options


def sample(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, backend: Backend, downloads: Path) -> Gimp.Image:
    """Go from the choice of a thumbnail to the new image.

    Args:
        downloads: a folder for files; the caller deletes it.

    Raises:
        UserError, Cancelled: there is no new image.
    """
    source_layer.init_buffers()
    interactive = config.get_property("run-mode") == Gimp.RunMode.INTERACTIVE
    if interactive:
        if not display.init_windows(PROCEDURE):
            raise UserError(_("There is no screen to show a dialog on; run the command non-interactively."))
        ask(procedure, config, backend)
    seed = config.get_property("seed")
    options = options_from(config, [seed])

    def work(show: Callable[[Update], None], cancelled: Flag, finish_early: Flag) -> Result:
        return job.sample(backend, options, show, cancelled)

    result = watch(work) if interactive else work(lambda update: None, lambda: False, lambda: False)
    image = new_image(result, options, seed)
    if interactive:
        Gimp.Display.new(image)
    log.info("done: %s", options)
    return image


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, backend: Backend) -> None:
    """Show the dialog. Raises Cancelled."""
    from gimp import sample_dialog

    def thumbnails(options: dict[str, object], cancelled: Flag) -> Iterator[png.Pixels]:
        return job.thumbnails(backend, options, cancelled)

    chosen = sample_dialog.ask(
        procedure, config, TITLE, sample_dialog.Questions(backend, thumbnails, options_from, LARGEST_SEED)
    )
    if not chosen:
        raise Cancelled


def watch(work: Callable[..., Result]) -> Result:
    """Do the work behind a window that shows it."""
    from gimp import progress_window

    side = progress_window.LONGEST_SIDE
    window = progress_window.ProgressWindow(TITLE, png.Pixels(1, 1, 3, b"\x80\x80\x80"), (0, 0, side, side))
    return window.run(work, Update("start", 0, 0, _("Starting...")))


def new_image(result: Result, options: dict[str, object], seed: int) -> Gimp.Image:
    """Make an image of one layer, which carries its edit.

    Raises:
        UserError: the backend's file cannot be read.
    """
    try:
        file = png.File.of(result.layer)
    except (OSError, ValueError) as error:
        raise UserError(
            _("The backend's image cannot be read ({error}); update both by running install.py.").format(error=error),
            logs.file(),
        ) from error
    image = Gimp.Image.new(file.width, file.height, Gimp.ImageBaseType.RGB)
    image.undo_disable()
    name = _("{model}, seed {seed}").format(model=Path(str(options["model"])).stem, seed=seed)
    if "look" in options:
        name = _("{name}, look {seed}").format(name=name, seed=options["look"])
    layer = Gimp.Layer.new(image, name, file.width, file.height, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    pixels, top = layer.get_buffer(), 0
    for strip in file.strips(source_layer.STRIP):
        rows = Gegl.Rectangle.new(0, top, file.width, len(strip) // (4 * file.width))
        pixels.set(rows, source_layer.SRGB, strip)
        top += rows.height
    pixels.flush()
    layer.update(0, 0, file.width, file.height)
    edit_parasite.attach(layer, pixels, result, own_mask=False)
    image.insert_layer(layer, None, 0)
    image.undo_enable()
    return image
