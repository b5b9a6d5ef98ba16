#!/usr/bin/env python3
"""The GIMP 3 plug-in DragGAN: its procedures, and what happens to whatever goes wrong in them."""

# pyright: reportMissingImports=false
# (gi comes with GIMP and brings no types)

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(1, str(FOLDER / "vendor"))

from core import logs

LOG_FILE = logs.open_log(FOLDER)
log = logging.getLogger("draggan")

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject

from core import i18n

i18n.use(GLib.get_language_names())  # GIMP sets the language that the artist has chosen in its preferences

from backend.client import Backend
from backend.errors import Cancelled, UserError
from core.i18n import _
from core.installation import PluginInstallation
from core.temporary_folder import temporary_folder
from gimp import along_paths, drag_arguments, manage_models, motion_frames, sample_image, settings, source_layer

MENU = "<Image>/Filters/DragGAN"


class DragGan(Gimp.PlugIn):
    """The plug-in as GIMP sees it."""

    def do_set_i18n(self, name: str) -> tuple[bool, str, str]:
        return True, i18n.DOMAIN, i18n.FOLDER.name

    def do_query_procedures(self) -> list[str]:
        return [
            drag_arguments.PROCEDURE,
            motion_frames.PROCEDURE,
            sample_image.PROCEDURE,
            manage_models.PROCEDURE,
            settings.PROCEDURE,
        ]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        if name == drag_arguments.PROCEDURE:
            procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_along_paths, None)
            drag_arguments.describe(procedure)
        elif name == motion_frames.PROCEDURE:
            procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_motion_frames, None)
            motion_frames.describe(procedure)
        elif name == sample_image.PROCEDURE:
            procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_sample_image, None)
            sample_image.describe(procedure)
        elif name == manage_models.PROCEDURE:
            procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_models, None)
            manage_models.describe(procedure)
        else:
            procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_settings, None)
            settings.describe(procedure)
        procedure.add_menu_path(MENU)
        procedure.set_attribution("The DragGAN for GIMP authors", "MIT licence", "2026")
        return procedure


def on_layer(work: Callable[..., Gimp.Layer]) -> Callable[..., Gimp.ValueArray]:
    """Return what GIMP calls for a procedure that makes a layer of the one that is selected."""

    def run(
        procedure: Gimp.Procedure,
        run_mode: Gimp.RunMode,
        image: Gimp.Image,
        drawables: Sequence[Gimp.Drawable],
        config: Gimp.ProcedureConfig,
        data: object,
    ) -> Gimp.ValueArray:
        def made(backend: Backend, downloads: Path) -> GObject.Value:
            source_layer.init_buffers()
            layer = source_layer.require_layer(image, drawables)
            return GObject.Value(Gimp.Layer, work(procedure, run_mode, image, layer, config, backend, downloads))

        return answer(procedure, made)

    return run


run_along_paths, run_motion_frames = on_layer(along_paths.drag), on_layer(motion_frames.take)


def run_sample_image(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, data: object) -> Gimp.ValueArray:
    """Run the command; GIMP calls this."""

    def sample(backend: Backend, downloads: Path) -> GObject.Value:
        return GObject.Value(Gimp.Image, sample_image.sample(procedure, config, backend, downloads))

    return answer(procedure, sample)


def run_models(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, data: object) -> Gimp.ValueArray:
    """Run the command; GIMP calls this."""
    return answer(procedure, lambda backend, downloads: manage_models.show(config, backend))


def run_settings(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, data: object) -> Gimp.ValueArray:
    """Run the command; GIMP calls this."""
    return answer(procedure, lambda backend, downloads: settings.show(config, backend))


def answer(procedure: Gimp.Procedure, work: Callable[[Backend, Path], GObject.Value | None]) -> Gimp.ValueArray:
    """Do the work and return its result, if it has one.

    Nothing may escape it: GIMP shows the artist nothing of an exception.
    """
    try:
        with temporary_folder() as downloads:
            backend = Backend(PluginInstallation.read(FOLDER).on_chosen(), downloads)
            try:
                result = work(backend, downloads)
            finally:
                backend.close()
        values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
        if result is not None:
            values.remove(1)
            values.insert(1, result)
        return values
    except Cancelled:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except UserError as error:
        log.warning("%s", error)
        return failed(procedure, i18n.translated(error))
    except OSError as error:  # the plug-in writes nothing but temporary files
        log.exception("a file")
        sentence = _("The plug-in cannot write to {folder} ({reason}); make room there and run the filter again.")
        return failed(procedure, sentence.format(folder=tempfile.gettempdir(), reason=error.strerror or error))
    except BaseException as error:
        log.exception("unexpected")
        return failed(
            procedure,
            _("Something unexpected happened ({error!r}); please report it with the log {log}.").format(
                error=error, log=LOG_FILE
            ),
        )


def failed(procedure: Gimp.Procedure, sentence: str) -> Gimp.ValueArray:
    """Return what GIMP shows the artist as the reason."""
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(sentence))


if __name__ == "__main__":
    log.info("plug-in of Python %s starts", sys.version.split()[0])
    Gimp.main(DragGan.__gtype__, sys.argv)
    logging.shutdown()
    os._exit(0)  # threads of gradio_client that wait for a hung backend would keep the process alive
