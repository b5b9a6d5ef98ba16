"""The command "Models": the window in which models are fetched, added and removed."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from backend.client import Backend
from core.i18n import _
from gimp import window_command

PROCEDURE = "draggan-models"
SHORT = _("Fetch models, add your own, remove them")
LONG = _(
    "Lists the models that are on this computer and the published ones, with their licences. "
    "Scripts use the command line instead: python -m backend models."
)


def describe(procedure: Gimp.Procedure) -> None:
    """Tell GIMP of the command."""
    window_command.describe(procedure, _("_Models..."), "system-software-install", SHORT, LONG)


def show(config: Gimp.ProcedureConfig, backend: Backend) -> None:
    """Show the window until the artist closes it. Raises UserError where none can be shown."""
    refusal = _("The models' window needs a screen; without one, use: python -m backend models --help.")
    window_command.require_screen(config, PROCEDURE, refusal)
    from gimp import models_window

    models_window.show(backend)
