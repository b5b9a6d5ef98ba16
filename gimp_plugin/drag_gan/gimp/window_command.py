"""What the commands share that are nothing but a window: how GIMP is told of them, and that they need a screen."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject

from backend.errors import UserError
from core.i18n import _
from gimp import display


def describe(procedure: Gimp.Procedure, label: str, icon: str, short: str, long: str) -> None:
    """Tell GIMP of the command: its menu entry. It works without any image."""
    procedure.set_menu_label(label)
    procedure.set_icon_name(icon)
    procedure.set_documentation(short, long, procedure.get_name())
    modes = _("Interactive: there is nothing to do without a window")
    procedure.add_enum_argument(
        "run-mode", _("Run mode"), modes, Gimp.RunMode, Gimp.RunMode.INTERACTIVE, GObject.ParamFlags.READWRITE
    )


def require_screen(config: Gimp.ProcedureConfig, name: str, refusal: str) -> None:
    """Get ready for a window of the command. Raises UserError, which says `refusal`, where none can be shown."""
    if config.get_property("run-mode") == Gimp.RunMode.NONINTERACTIVE or not display.init_windows(name):
        raise UserError(refusal)
