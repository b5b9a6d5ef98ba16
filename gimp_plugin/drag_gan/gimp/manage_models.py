"""The command "Models": the window in which models are fetched, added and removed."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject

from backend.client import Backend
from backend.errors import UserError
from core.i18n import _
from gimp import display

PROCEDURE = "draggan-models"
SHORT = _("Fetch models, add your own, remove them")
LONG = _(
    "Lists the models that are on this computer and the published ones, with their licences. "
    "Scripts use the command line instead: python -m backend models."
)


def describe(procedure: Gimp.Procedure) -> None:
    """Tell GIMP of the command: its menu entry. It works without any image."""
    procedure.set_menu_label(_("_Models..."))
    procedure.set_icon_name("system-software-install")
    procedure.set_documentation(SHORT, LONG, PROCEDURE)
    modes = _("Interactive: there is nothing to do without a window")
    procedure.add_enum_argument(
        "run-mode", _("Run mode"), modes, Gimp.RunMode, Gimp.RunMode.INTERACTIVE, GObject.ParamFlags.READWRITE
    )


def show(config: Gimp.ProcedureConfig, backend: Backend) -> None:
    """Show the window until the artist closes it. Raises UserError where none can be shown."""
    if config.get_property("run-mode") == Gimp.RunMode.NONINTERACTIVE or not display.init_windows(PROCEDURE):
        raise UserError(_("The models' window needs a screen; without one, use: python -m backend models --help."))
    from gimp import models_window

    models_window.show(backend)
