"""The command "Settings": the window that shows the backend, and in which it is started, ended and looked after."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject

from backend.client import Backend
from backend.errors import UserError
from core.i18n import _
from gimp import display

PROCEDURE = "draggan-settings"
SHORT = _("Look after the program behind DragGAN: memory, cache, log, a check of the installation")
LONG = _(
    "Shows whether the backend runs, what it uses of this computer, and its log; checks the installation. "
    "Scripts use the command line instead: python -m backend doctor."
)


def describe(procedure: Gimp.Procedure) -> None:
    """Tell GIMP of the command: its menu entry. It works without any image."""
    procedure.set_menu_label(_("_Settings..."))
    procedure.set_icon_name("preferences-system")
    procedure.set_documentation(SHORT, LONG, PROCEDURE)
    modes = _("Interactive: there is nothing to do without a window")
    procedure.add_enum_argument(
        "run-mode", _("Run mode"), modes, Gimp.RunMode, Gimp.RunMode.INTERACTIVE, GObject.ParamFlags.READWRITE
    )


def show(config: Gimp.ProcedureConfig, backend: Backend) -> None:
    """Show the window until the artist closes it. Raises UserError where none can be shown."""
    if config.get_property("run-mode") == Gimp.RunMode.NONINTERACTIVE or not display.init_windows(PROCEDURE):
        raise UserError(_("The settings need a screen; without one, use: python -m backend doctor."))
    from gimp import settings_window

    settings_window.show(backend)
