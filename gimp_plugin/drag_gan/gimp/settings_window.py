"""The window "Settings": the backend and what it uses, a check of the installation, the log.

Imported only when it is shown. What is asked of the backend is asked in another thread (core/backend_watch.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk

from backend.client import Backend, Installation
from backend.computers import HERE
from core import backend_watch
from core.backend_watch import BackendWatch, Seen
from core.i18n import _
from gimp.manual import add_help
from gimp.settings_pages import CheckPage, LogPage
from gimp.widgets import attach, confirm, end, open_on_desktop, text

TITLE = _("DragGAN Settings")
SIZE = 680, 460  # pixels
LETTERS = 46  # of a line
UNKNOWN = "–"


def show(backend: Backend) -> None:
    """Show the window until the artist closes it."""
    _SettingsWindow(backend).run()


class _SettingsWindow:
    def __init__(self, backend: Backend) -> None:
        self._open, self._backend = True, backend
        self._dialog = GimpUi.Dialog(title=TITLE, role="draggan-settings")
        attach(self._dialog, None)
        self._dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        add_help(self._dialog, "settings")
        self._dialog.set_default_size(*SIZE)
        self._backend_page = _BackendPage(self._dialog, backend.installation, self._do)
        self._check = CheckPage(backend.installation)
        self._log = LogPage(self._dialog)
        self._pages = Gtk.Notebook(border_width=12)
        for page, name in (
            (self._backend_page.widget, _("_Backend")),
            (self._check.widget, _("Chec_k")),
            (self._log.widget, _("_Log")),
        ):
            self._pages.append_page(page, Gtk.Label.new_with_mnemonic(name))
        self._dialog.get_content_area().pack_start(self._pages, True, True, 0)
        self._watch = BackendWatch(backend, lambda seen: GLib.idle_add(self._take, seen))

    def run(self) -> None:
        self._dialog.show_all()
        self._backend_page.show(Seen())
        self._dialog.run()
        self._open = False
        self._watch.close()
        self._check.close()
        end(self._dialog)

    def _do(self, command: backend_watch.Command) -> None:
        self._watch.do(command)

    def _take(self, seen: Seen) -> bool:
        if self._open:
            self._backend_page.show(seen)
            self._log.show(self._backend.installation.log_file)
        return GLib.SOURCE_REMOVE


class _BackendPage:
    """Facts about the backend, and beside them what can be done.

    Args:
        dialog: the window it is in.
        installation: of the backend that computes now.
        do: has a command done.
    """

    def __init__(
        self, dialog: Gtk.Window, installation: Installation, do: Callable[[backend_watch.Command], None]
    ) -> None:
        self._dialog, self._do = dialog, do
        self._seen = Seen()
        self._grid = Gtk.Grid(column_spacing=12, row_spacing=14, border_width=12)
        self._rows = 0
        self._computer = self._add_computers(installation)
        self._state = self._add(_("State"))
        self._toggle = self._button(
            _("_Start"), _("Start the backend, or end it and whatever it does"), self._start_or_stop
        )
        self._device = self._add(_("Device"))
        self._memory = self._add(_("Memory in use"))
        self._models = self._add(_("Models"))
        self._folder = self._button(
            _("_Open Folder"), _("Show the folder of the models that you have added"), self._open_models
        )
        self._cache = self._add(_("Cache"))
        self._clear = self._button(
            _("Clea_r..."),
            _("Forget what was found of pictures; it is found again when it is needed"),
            self._ask_to_clear,
        )
        self._problem = text(width=LETTERS + 20)
        self._grid.attach(self._problem, 0, self._rows, 3, 1)
        self.widget = self._grid

    def show(self, seen: Seen) -> None:
        """Show what is known."""
        self._seen = seen
        runs = seen.health is not None
        self._state.set_text(backend_watch.state(seen))
        self._toggle.set_label(_("S_top") if runs else _("_Start"))
        self._toggle.set_sensitive(True)
        for label, words in (
            (self._device, backend_watch.device),
            (self._memory, backend_watch.memory),
            (self._models, backend_watch.models),
            (self._cache, backend_watch.cache),
        ):
            label.set_text(words(seen.used) if seen.used else UNKNOWN)
            label.set_sensitive(seen.used is not None)
        self._folder.set_sensitive(seen.used is not None and self._computer.get_active_id() == HERE)
        self._clear.set_sensitive(seen.used is not None and seen.used.cache_bytes > 0)
        self._problem.set_text(seen.problem)

    def _add(self, caption: str) -> Gtk.Label:
        """Add a row and return what its fact stands in."""
        words = text(width=LETTERS)
        words.set_hexpand(True)
        words.set_valign(Gtk.Align.CENTER)
        self._add_row(caption, words)
        return words

    def _add_row(self, caption: str, content: Gtk.Widget) -> Gtk.Label:
        """Add a row and return its caption."""
        title = Gtk.Label(label=caption, xalign=1, valign=Gtk.Align.CENTER)
        title.get_style_context().add_class("dim-label")
        self._grid.attach(title, 0, self._rows, 1, 1)
        self._grid.attach(content, 1, self._rows, 1, 1)
        self._rows += 1
        return title

    def _add_computers(self, installation: Installation) -> Gtk.ComboBoxText:
        """Add the row in which the artist chooses what computes."""
        choice = Gtk.ComboBoxText(halign=Gtk.Align.START)
        for name, called in backend_watch.computers(installation).items():
            choice.append(name, called)
        choice.set_active_id(installation.computer)
        choice.set_tooltip_text(
            _("The computer that drags are computed on; another is added with: python3 install.py --on NAME@HOST")
        )
        choice.connect("changed", lambda choice: self._choose(choice.get_active_id()))
        caption = self._add_row("", choice)
        caption.set_text_with_mnemonic(_("Com_pute on"))
        caption.set_mnemonic_widget(choice)
        return choice

    def _choose(self, computer: str) -> None:
        self._toggle.set_sensitive(False)  # until it is seen whether the backend runs there
        self._do(functools.partial(backend_watch.choose, computer=computer))

    def _button(self, label: str, tip: str, clicked: Callable[[], None]) -> Gtk.Button:
        """Put a button at the end of the last row."""
        button = Gtk.Button(label=label, use_underline=True, tooltip_text=tip, valign=Gtk.Align.CENTER)
        button.connect("clicked", lambda button: clicked())
        self._grid.attach(button, 2, self._rows - 1, 1, 1)
        return button

    def _start_or_stop(self) -> None:
        runs = self._seen.health is not None
        self._toggle.set_sensitive(False)  # until it is seen what has come of it
        self._state.set_text(_("It ends...") if runs else _("It starts..."))
        self._do(backend_watch.stop if runs else backend_watch.start)

    def _ask_to_clear(self) -> None:
        question = text(
            _(
                "Forget what was found of pictures? The next drag on each takes longer, and begins anew on a layer "
                "whose likeness was made exact."
            )
        )
        if confirm(_("Clear the Cache"), "draggan-clear", question, _("Clea_r"), self._dialog):
            self._do(backend_watch.clear_cache)

    def _open_models(self) -> None:
        if self._seen.used:
            self._problem.set_text(open_on_desktop(Path(self._seen.used.models_folder), self._dialog))
