"""The filter's dialog: what was found on the canvas, and the few choices. Imported only when it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GLib, Gtk

from backend.client import Backend
from backend.errors import UserError
from core.drags import describe
from core.i18n import _
from core.latest_question import LatestQuestion
from core.sketch import Box, Sketch
from gimp.edit_parasite import EditParasite
from gimp.manual import add_help
from gimp.model_choice import ModelChoice
from gimp.widgets import new_dialog, to_pixbuf

TITLE = _("Drag Along Paths")
ADVANCED = ("latent-space", "mask-weight", "inversion-steps")


class Questions(NamedTuple):
    """What the dialog asks the backend.

    Args:
        backend: lists the models.
        region: the box that the model would see with these options of the protocol; called in another thread.
        options: the options that the dialog shows now.
    """

    backend: Backend
    region: Callable[[Mapping[str, object]], Box | None]
    options: Callable[[Gimp.ProcedureConfig], Mapping[str, object]]


def ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    sketch: Sketch,
    parasite: EditParasite,
    questions: Questions,
) -> bool:
    """Show the dialog, and store the artist's choices in `config`.

    Args:
        sketch: what is drawn.
        parasite: what the layer carries; its model is chosen as soon as it is known to be here.

    Returns:
        False when the dialog was cancelled.
    """
    dialog = new_dialog(procedure, config, TITLE, _("_Drag"))
    add_help(dialog, "look-at-what-was-understood-and-drag")
    preview = _Preview(config, sketch, questions)
    dialog.get_content_area().pack_start(preview.image, False, False, 0)
    found = dialog.get_label("found", preview.found, False, False)
    preview.tell = found.set_text
    dialog.fill(["found"])
    if parasite.remark:
        dialog.get_label("remark", parasite.remark, False, False)
        dialog.fill(["remark"])
    if sketch.has_choice:
        dialog.fill(["anchors"])
    model_choice = ModelChoice(dialog, config, questions.backend, parasite.model)
    dialog.fill_box("advanced-box", list(ADVANCED))
    title = dialog.get_label("advanced-title", _("_Advanced"), False, False)
    title.set_text_with_mnemonic(_("_Advanced"))
    title.set_mnemonic_widget(dialog.fill_expander("advanced", "advanced-title", False, "advanced-box"))
    dialog.fill(["region", "likeness", "steps", "advanced"])
    preview.follow()
    accepted = dialog.run()
    preview.leave()
    model_choice.leave()
    dialog.destroy()
    return bool(accepted)


class _Preview:
    """The layer with the drags as the options have them; `found` says in words what is drawn."""

    def __init__(self, config: Gimp.ProcedureConfig, sketch: Sketch, questions: Questions) -> None:
        self.image = Gtk.Image()
        self.found = ""
        self.tell: Callable[[str], None] = lambda text: None
        self._config, self._sketch, self._questions = config, sketch, questions
        self._background = sketch.tinted()
        self._region: Box | None = None
        self._regions = LatestQuestion(questions.region, lambda region: GLib.idle_add(self._frame, region))
        self._handlers: list[int] = []
        self._open = True
        self._show()
        self.image.show()

    def follow(self) -> None:
        """Draw anew whenever an option changes that can be seen."""
        for name, react in (("anchors", self._show), ("region", self._ask), ("model", self._ask)):
            self._handlers.append(self._config.connect(f"notify::{name}", lambda *_, react=react: react()))
        self._ask()

    def leave(self) -> None:
        """Forget what is still asked: the dialog closes."""
        self._regions.close()
        self._open = False
        for handler in self._handlers:
            self._config.disconnect(handler)

    def _show(self) -> None:
        try:
            drags = self._sketch.drags(self._config.get_property("anchors"))
            self.found = describe(drags, self._sketch.mask is not None)
        except UserError as problem:
            drags, self.found = [], str(problem)
        self.image.set_from_pixbuf(to_pixbuf(self._sketch.drawn(self._background, drags, self._region)))
        self.tell(self.found)

    def _ask(self) -> None:
        self._regions.put(self._questions.options(self._config))

    def _frame(self, region: Box | None) -> bool:
        if self._open:
            self._region = region
            self._show()
        return GLib.SOURCE_REMOVE
