"""The dialog of New Sample Image: thumbnails to choose from, and to mix. Imported only when it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gimp, GLib, GObject, Gtk

from backend.client import Backend
from core.i18n import _
from gimp.manual import add_help
from gimp.model_choice import ModelChoice
from gimp.sample_grid import SampleGrid, Thumbnails
from gimp.widgets import new_dialog, text

SETTLING = 400  # milliseconds without another change before all are drawn anew
LOOK_SIDE = 48  # pixels of the picture that the look is taken from
OWN = -1  # the argument "look" of a picture that has its own


class Questions(NamedTuple):
    """What the dialog asks the backend.

    Args:
        backend: lists the models.
        thumbnails: RGB images for these options, until the function it is given returns True; in another thread, too.
        options: the options of the protocol that the dialog shows now, for some seeds.
        largest_seed: that there is.
    """

    backend: Backend
    thumbnails: Thumbnails
    options: Callable[[Gimp.ProcedureConfig, Sequence[int]], dict[str, object]]
    largest_seed: int


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, title: str, questions: Questions) -> bool:
    """Show the dialog and store the artist's choices in `config`.

    Returns:
        False when the dialog was cancelled.
    """
    dialog = new_dialog(procedure, config, title, _("Cr_eate"))
    add_help(dialog, "new-sample-image")
    samples = _Samples(dialog, config, questions)
    dialog.get_content_area().pack_start(samples.widget, True, True, 0)
    dialog.fill(["seed", "truncation", "class"])
    samples.begin()
    accepted = dialog.run()
    samples.leave()
    dialog.destroy()
    return bool(accepted)


class _Samples:
    """The thumbnails and what they are of; the one that is chosen is the seed of `config`."""

    def __init__(self, dialog: Gtk.Dialog, config: Gimp.ProcedureConfig, questions: Questions) -> None:
        self._dialog, self._config, self._questions = dialog, config, questions
        self._waiting, self._anew = 0, False  # the timer for the next time, and whether that begins at another seed
        self._choosing = False
        self._grid = SampleGrid(
            questions.thumbnails, questions.largest_seed, self._choose, lambda: dialog.response(Gtk.ResponseType.OK)
        )
        self._model = ModelChoice(dialog, config, questions.backend, self._show_class)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        for part, grows in ((self._grid.widget, True), (self._look_row(), False), (self._model.row, False)):
            self.widget.pack_start(part, grows, grows, 0)
        self.widget.show_all()
        changes = {"seed": True, "model": False, "truncation": False, "class": False, "look": False}
        self._handlers = [
            config.connect(f"notify::{name}", lambda *_, anew=anew: self._changed(anew))
            for name, anew in changes.items()
        ]

    def _look_row(self) -> Gtk.Box:
        """What the look is taken from, and two buttons to change that."""
        self._look_image = Gtk.Image(width_request=LOOK_SIDE, height_request=LOOK_SIDE)
        self._look_text = text(width=20)
        self._look_text.set_yalign(0.5)
        take = Gtk.Button.new_with_mnemonic(_("Use This Loo_k for All"))
        take.set_tooltip_text(_("All pictures keep their shape and get the colours of the one that is chosen now"))
        take.connect("clicked", lambda button: self._set_look(self._config.get_property("seed")))
        self._own = Gtk.Button.new_with_mnemonic(_("_Own Looks"))
        self._own.set_tooltip_text(_("Each picture gets its own colours again"))
        self._own.connect("clicked", lambda button: self._set_look(OWN))
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        row.pack_start(self._look_image, False, False, 0)
        row.pack_start(self._look_text, True, True, 0)
        for button in (self._own, take):
            button.set_valign(Gtk.Align.CENTER)
            row.pack_start(button, False, False, 0)
        return row

    def begin(self) -> None:
        """Ask for the first thumbnails; they appear as they come."""
        self._show_look()
        self._show_class()
        self._grid.begin(self._options, self._config.get_property("seed"))

    def leave(self) -> None:
        """The dialog closes: forget what is still asked."""
        self._grid.leave()
        self._model.leave()
        self._stop_waiting()
        for handler in self._handlers:
            self._config.disconnect(handler)

    @property
    def _options(self) -> dict[str, object]:
        return self._questions.options(self._config, [])

    def _choose(self, seed: int) -> None:
        self._choosing = True
        self._config.set_property("seed", seed)
        self._choosing = False

    def _set_look(self, seed: int) -> None:
        self._config.set_property("look", seed)
        self._show_look()
        image = self._grid.image_of(seed)
        if image is not None:
            scale = LOOK_SIDE / max(image.get_width(), image.get_height())
            size = max(1, round(scale * image.get_width())), max(1, round(scale * image.get_height()))
            self._look_image.set_from_pixbuf(image.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))
        self._grid.focus()

    def _show_look(self) -> None:
        look = self._config.get_property("look")
        self._own.set_sensitive(look != OWN)
        self._look_image.clear()
        self._look_text.set_text(
            _("Each has its own look.") if look == OWN else _("All have the look of picture {seed}.").format(seed=look)
        )

    def _show_class(self) -> None:
        """Offer a class only where the model has some, or nobody knows whether it has."""
        row, classes = self._dialog.get_widget("class", GObject.TYPE_NONE), self._model.classes
        if row is None:
            return  # the dialog is not complete
        row.set_no_show_all(True)
        row.set_visible(classes != 0)
        chosen = self._config.get_property("class")
        fitting = chosen if classes is None else max(min(chosen, classes - 1), min(classes - 1, 0))
        if fitting != chosen:
            self._config.set_property("class", fitting)

    def _changed(self, anew: bool) -> None:
        if self._choosing:
            return
        self._stop_waiting()
        self._anew = self._anew or anew
        self._waiting = GLib.timeout_add(SETTLING, self._settled)

    def _settled(self) -> bool:
        self._waiting = 0
        if self._anew:
            self._anew = False
            self._grid.begin(self._options, self._config.get_property("seed"))
        else:
            self._grid.draw_anew(self._options)
        return GLib.SOURCE_REMOVE

    def _stop_waiting(self) -> None:
        if self._waiting:
            GLib.source_remove(self._waiting)
            self._waiting = 0
