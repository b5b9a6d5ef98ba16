"""The command "Settings": the window that shows the backend, and in which it is started, ended and looked after."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from backend.client import Backend
from core.i18n import _
from gimp import window_command

PROCEDURE = "draggan-settings"
SHORT = _("Look after the program behind DragGAN: memory, cache, log, a check of the installation")
LONG = _(
    "Shows whether the backend runs, what it uses of this computer, and its log; checks the installation. "
    "Scripts use the command line instead: python -m backend doctor."
)


def describe(procedure: Gimp.Procedure) -> None:
    """Tell GIMP of the command."""
    window_command.describe(procedure, _("_Settings..."), "preferences-system", SHORT, LONG)


def show(config: Gimp.ProcedureConfig, backend: Backend) -> None:
    """Show the window until the artist closes it. Raises UserError where none can be shown."""
    refusal = _("The settings need a screen; without one, use: python -m backend doctor.")
    window_command.require_screen(config, PROCEDURE, refusal)
    from gimp import settings_window

    settings_window.show(backend)
