"""The row of a dialog in which its model is chosen: those that are here, then those that can be downloaded.

Imported only when a dialog is shown.
"""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gimp, GLib, Gtk, Pango

from backend.client import Backend
from core import model_list
from core.i18n import _
from core.model_list import Choice
from core.model_watch import ModelWatch, Seen
from gimp import models_window

SEPARATOR = Choice("", "-", False)


class ModelChoice:
    """Shows titles; the property `model` of the dialog's arguments has the name, or a file's path.

    Args:
        window: that it is in.
        shown: is called when another model, or more about it, is shown.

    Attributes:
        row: to be put into the window.
    """

    def __init__(
        self,
        window: Gtk.Window,
        config: Gimp.ProcedureConfig,
        backend: Backend,
        shown: Callable[[], None] = lambda: None,
    ) -> None:
        self._window, self._config, self._backend = window, config, backend
        self._wanted, self._first = "", self._chosen
        self._seen = Seen(None, "")
        self._choices: list[Choice] = []
        self._filling, self._open, self._shown = False, True, lambda: None
        self._combo = Gtk.ComboBoxText(tooltip_text=config.find_property("model").blurb)
        self._build()
        self._fill()
        self._combo.connect("changed", lambda combo: self._choose())
        self._shown = shown
        self._handler = config.connect("notify::model", lambda *_: self._fill())
        self._watch = ModelWatch(backend, lambda seen: GLib.idle_add(self._take, seen))

    def leave(self) -> None:
        """The dialog closes: forget what is still asked."""
        self._open = False
        self._watch.close()
        self._config.disconnect(self._handler)

    @property
    def _chosen(self) -> str:
        return self._config.get_property("model") or "critters"

    @property
    def classes(self) -> int | None:
        """How many classes the chosen model has; None where nobody knows."""
        models = self._seen.listing.models if self._seen.listing else ()
        return next((model.classes for model in models if model.name == self._chosen), None)

    def _build(self) -> None:
        self._combo.set_row_separator_func(lambda rows, at: rows[at][0] == SEPARATOR.text)
        for cell in self._combo.get_cells():
            cell.set_properties(ellipsize=Pango.EllipsizeMode.END, width_chars=14)
        label = Gtk.Label.new_with_mnemonic(_("_Model"))
        label.set_mnemonic_widget(self._combo)
        more = Gtk.Button.new_with_mnemonic(_("_Get More..."))
        more.set_tooltip_text(_("Download models, or add your own"))
        more.connect("clicked", lambda button: self._open_window(self._chosen))
        self.row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        self.row.pack_start(label, False, False, 0)
        self.row.pack_start(self._combo, True, True, 0)
        self.row.pack_start(more, False, False, 0)
        self.row.show_all()

    def _take(self, seen: Seen) -> bool:
        if self._open:
            self._seen = seen
            if self._wanted and model_list.is_here(seen.listing, self._wanted):
                self._take_wanted()
            self._fill()
        return GLib.SOURCE_REMOVE

    def _take_wanted(self) -> None:
        """Choose the model that has been waited for, unless the artist has chosen another one meanwhile."""
        wanted, self._wanted = self._wanted, ""
        if self._chosen == self._first:
            self._config.set_property("model", wanted)

    def _fill(self) -> None:
        """Show what there is now, if it is something else than before; an open list stays as it is."""
        choices = model_list.choices(self._seen.listing, self._chosen)
        elsewhere = [choice for choice in choices if not choice.is_here]
        if elsewhere:
            choices.insert(len(choices) - len(elsewhere), SEPARATOR)
        self._filling = True
        if choices != self._choices and not self._combo.get_property("popup-shown"):
            self._choices = choices
            self._combo.remove_all()
            for choice in choices:
                self._combo.append(choice.name, choice.text)
        self._combo.set_active_id(self._chosen)
        self._filling = False
        self._shown()

    def _choose(self) -> None:
        name = self._combo.get_active_id()
        if self._filling or not name or name == self._chosen:
            return
        if any(choice.name == name and choice.is_here for choice in self._choices):
            self._config.set_property("model", name)
        else:
            GLib.idle_add(self._open_window, name)  # when the list has closed

    def _open_window(self, name: str) -> bool:
        """Open the models' window on a model; the one that is left there is chosen as soon as it is here."""
        self._fill()
        self._first = self._chosen
        left = models_window.show(self._backend, name, self._window)
        self._wanted = left if left != self._first else ""
        self._watch.look()
        return GLib.SOURCE_REMOVE
