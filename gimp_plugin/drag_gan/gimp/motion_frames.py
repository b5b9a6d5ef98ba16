"""The command "Motion as Frames": the way from a layer before its drags to after them, as layers in a group."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, GObject

from backend.client import Backend, Box, Flag, Frames, FramesRequest, Result, Update, png
from backend.errors import Cancelled, UserError
from core import job
from core.i18n import _
from gimp import display, frame_layers
from gimp.edit_parasite import ORIGINAL, EditParasite, Origin
from gimp.result_layer import Insertion
from gimp.source_layer import DELETED, SourceLayer, copy_of, is_in, require_in, require_open, write_png

PROCEDURE = "draggan-motion-as-frames"
TITLE = _("Motion as Frames")
SHORT = _("Make layers that show a drag on its way")
LONG = _(
    "Makes a group of layers of a layer that was dragged: the lowest shows it before its drags, the highest after "
    "them, those between the way. A selection limits what may move."
)
FEWEST, MOST, COUNT = 2, 240, 12
NO_EDIT = _(
    "This layer was not made by a drag, so there is no motion to take; drag it first, or select the layer of a drag."
)
PAINTED = _("The layer was painted on since its last drag, so its motion is lost; undo the painting, or drag again.")

log = logging.getLogger("draggan.motion_frames")


def describe(procedure: Gimp.ImageProcedure) -> None:
    """Tell GIMP of the command: what it works on, its menu entry, its argument."""
    # Every kind of image and layer is let in: a sentence helps more than a greyed-out menu entry.
    procedure.set_image_types("*")
    sensitivity = Gimp.ProcedureSensitivityMask
    procedure.set_sensitivity_mask(sensitivity.DRAWABLE | sensitivity.DRAWABLES | sensitivity.NO_DRAWABLES)
    procedure.set_menu_label(_("Motion as _Frames..."))
    procedure.set_icon_name("gimp-layer-group")
    procedure.set_documentation(SHORT, LONG, PROCEDURE)
    flags, count_help = GObject.ParamFlags.READWRITE, _("How many layers, from the first to the last")
    procedure.add_int_argument("count", _("_Number of frames"), count_help, FEWEST, MOST, COUNT, flags)
    image_help = _("As the layers of a new image, each with all that is seen around it: so GIMP plays and exports them")
    procedure.add_boolean_argument("new-image", _("As a new _image"), image_help, False, flags)
    group_help = _("The new group with the frames; the last frame, where they are a new image")
    procedure.add_layer_return_value("group", _("Group"), group_help, True, flags)


class Motion(NamedTuple):
    """An edit whose motion can be taken.

    Args:
        source: the layer that is seen so far, above which the frames will lie.
        offset: (x, y) in the image of the layer that carries the edit.
        covers: whether the frames hide all that is seen of the source; else it is hidden.
        own_mask: whether the source's mask is of our making.
        pixels: of the layer that carries the edit.
        original: those that the edit began with, and their part of this; None where they are gone.
        request: the files for the backend, and how many frames there are to be.
    """

    source: SourceLayer
    offset: tuple[int, int]
    covers: bool
    own_mask: bool
    pixels: Gegl.Buffer
    original: tuple[Gegl.Buffer, Box] | None
    request: FramesRequest

    @classmethod
    def of_layer(cls, image: Gimp.Image, layer: Gimp.Layer, count: int, folder: Path) -> Motion:
        """Take the edit that a layer carries, and write its files into a folder.

        Raises:
            UserError: the layer carries none.
        """
        require_in(image, layer)
        source = SourceLayer.of(image, layer)
        parasite = EditParasite.of(source)
        if not parasite.edit:
            raise UserError(PAINTED if parasite.painted else NO_EDIT)
        selection, pixels, file = source.read_selection(image), source.snapshot(), folder / "layer.png"
        covers = write_png(pixels, file) and source.can_be_covered(parasite.own_mask)
        if not covers:
            source.require_hideable()
        edit = folder / "edit.safetensors"
        edit.write_bytes(parasite.edit)
        original = _original(image, parasite.origin)
        written = parasite.origin.write(original[0], folder / ORIGINAL) if parasite.origin and original else None
        request = FramesRequest(file, job.write_mask(selection, folder), edit, written, {"count": count})
        return cls(source, source.offset, covers, parasite.own_mask, pixels, original, request)

    @classmethod
    def of_result(
        cls,
        image: Gimp.Image,
        insertion: Insertion,
        result: Result,
        selection: png.Pixels | None,
        count: int,
        folder: Path,
    ) -> Motion:
        """Take the edit of a drag's result, which need not be inserted.

        Args:
            selection: that the drag was limited to, of the source's size.
            folder: for files.

        Raises:
            UserError: the layer that the edit began with was deleted.
        """
        source, region = insertion.source, result.region or (0, 0, *insertion.source.size)
        origin = insertion.origin_of(result, region)
        original = _original(image, origin)
        if original is None:
            raise UserError(DELETED)
        written = origin.write(original[0], folder / ORIGINAL)
        layer, offset, pixels = written, source.offset, insertion.snapshot
        if insertion.as_patch:
            offset = source.offset[0] + region[0], source.offset[1] + region[1]
            selection = selection and _part(selection, region)
        else:
            layer = folder / "frames layer.png"
            write_png(pixels, layer)
        request = FramesRequest(layer, job.write_mask(selection, folder), result.edit, written, {"count": count})
        return cls(source, offset, insertion.as_patch, insertion.own_mask, pixels, original, request)

    def insert(self, image: Gimp.Image, frames: Frames) -> Gimp.GroupLayer:
        """Insert what the backend has made, in one undo step. Raises UserError."""
        pixels, (x, y) = self.pixels, frames.offset
        if frames.from_original and self.original:
            pixels, (left, top, _, _) = self.original
            x, y = left + frames.place[0], top + frames.place[1]
        place = self.offset[0] + frames.offset[0], self.offset[1] + frames.offset[1]
        layers = frame_layers.make(image, frames, pixels, (x, y), place)
        return frame_layers.insert(image, layers, self.source, self.covers, self.own_mask)

    def open_as_image(self, image: Gimp.Image, frames: Frames) -> Gimp.Layer:
        """Make a new image of what the backend has made, and return its last frame. Raises UserError."""
        require_open(image)
        source, copy = self.source, image.duplicate()
        try:
            if is_in(image, source.layer):
                source = dataclasses.replace(source, layer=copy_of(source.layer, image.get_layers(), copy.get_layers()))
            return frame_layers.open_as_image(copy, self._replace(source=source).insert(copy, frames))
        finally:
            copy.delete()


def take(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    layer: Gimp.Layer,
    config: Gimp.ProcedureConfig,
    backend: Backend,
    downloads: Path,
) -> Gimp.Layer:
    """Take the motion of the edit that a layer carries, and insert its frames.

    Args:
        downloads: a folder for files; the caller deletes it.

    Raises:
        UserError, Cancelled: there are no frames, and the image is as it was.
    """
    threading.Thread(target=backend.prepare, daemon=True).start()
    with_windows = run_mode != Gimp.RunMode.NONINTERACTIVE and display.init_windows(PROCEDURE)
    Motion.of_layer(image, layer, COUNT, downloads)  # whoever has to do something else should see no dialog first
    if run_mode == Gimp.RunMode.INTERACTIVE:
        if not with_windows:
            raise UserError(_("There is no screen to show a dialog on; run the command non-interactively."))
        _ask(procedure, config)
    motion = Motion.of_layer(image, layer, config.get_property("count"), downloads)
    return make(image, motion, backend, config.get_property("new-image"), with_windows)


def make(image: Gimp.Image, motion: Motion, backend: Backend, new_image: bool, with_windows: bool) -> Gimp.Layer:
    """Have the frames made, watched in a window if there are any, and insert them. Raises UserError, Cancelled."""

    def work(show: Callable[[Update], None], cancelled: Flag, finish_early: Flag) -> Frames:
        return job.frames(backend, motion.request, show, cancelled)

    frames = _watch(motion, work) if with_windows else work(lambda _: None, lambda: False, lambda: False)
    made = motion.open_as_image(image, frames) if new_image else motion.insert(image, frames)
    if new_image and with_windows:
        Gimp.Display.new(made.get_image())
    log.info("done: %d frames", frames.count)
    return made


def _ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig) -> None:
    """Show the dialog. Raises Cancelled."""
    from gimp.manual import add_help
    from gimp.widgets import new_dialog

    dialog = new_dialog(procedure, config, TITLE, _("_Make Frames"))
    add_help(dialog, "motion-as-frames")
    dialog.fill(["count", "new-image"])
    accepted = dialog.run()
    dialog.destroy()
    if not accepted:
        raise Cancelled


def _watch(motion: Motion, work: Callable[..., Frames]) -> Frames:
    """Do the work behind a window that shows it."""
    from gimp import progress_window

    first = motion.source.thumbnail(progress_window.LONGEST_SIDE)
    window = progress_window.ProgressWindow(TITLE, first, (0, 0, *motion.source.size))
    return window.run(work, Update("start", 0, 0, _("Starting...")))


def _original(image: Gimp.Image, origin: Origin | None) -> tuple[Gegl.Buffer, Box] | None:
    pixels = origin and origin.snapshot(image)
    return (pixels, origin.box) if origin and pixels else None


def _part(selection: png.Pixels, box: Box) -> png.Pixels:
    """Return a box of a selection."""
    x, y, width, height = box
    starts = range(y * selection.width + x, (y + height) * selection.width + x, selection.width)
    return png.Pixels(width, height, 1, b"".join(selection.data[start : start + width] for start in starts))
