"""The dialog of New Sample Image: thumbnails to choose from. Imported only when it is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gimp, GLib, Gtk

from backend.client import Backend, png
from backend.errors import Cancelled, UserError
from core.i18n import _, told
from gimp.manual import add_help
from gimp.model_choice import ModelChoice
from gimp.widgets import new_dialog, to_pixbuf

COLUMNS, COUNT = 4, 12
SIDE = 112  # pixels of a thumbnail
SETTLING = 400  # milliseconds without another change before all are drawn anew


class Questions(NamedTuple):
    """What the dialog asks the backend.

    Args:
        backend: lists the models.
        thumbnails: RGB images for these options, until the function it is given returns True; in another thread, too.
        options: the options of the protocol that the dialog shows now, for some seeds.
        largest_seed: that there is.
    """

    backend: Backend
    thumbnails: Callable[[dict[str, object], Callable[[], bool]], Iterator[png.Pixels]]
    options: Callable[[Gimp.ProcedureConfig, Sequence[int]], dict[str, object]]
    largest_seed: int


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, title: str, questions: Questions) -> bool:
    """Show the dialog and store the artist's choices in `config`.

    Returns:
        False when the dialog was cancelled.
    """
    dialog = new_dialog(procedure, config, title, _("Cr_eate"))
    add_help(dialog, "new-sample-image")
    thumbnails = _Thumbnails(config, questions, lambda: dialog.response(Gtk.ResponseType.OK))
    dialog.get_content_area().pack_start(thumbnails.box, True, True, 0)
    model_choice = ModelChoice(dialog, config, questions.backend)
    dialog.fill(["seed", "truncation", "class"])
    thumbnails.draw()
    accepted = dialog.run()
    thumbnails.leave()
    model_choice.leave()
    dialog.destroy()
    return bool(accepted)


class _Thumbnails:
    """The images of some seeds in a row, of which the one that is chosen is the seed of `config`."""

    def __init__(self, config: Gimp.ProcedureConfig, questions: Questions, activate: Callable[[], None]) -> None:
        self._config, self._questions = config, questions
        self._first = config.get_property("seed")
        self._asked = 0  # what was asked before the last time is stale
        self._waiting = 0  # the timer for the next time
        self._choosing = False
        self._build()
        self._grid.connect("map", lambda grid: grid.get_child_at_index(0).grab_focus())
        self._grid.connect("child-activated", lambda grid, child: activate())
        self._grid.connect("selected-children-changed", lambda grid: self._choose())
        self._handlers = [
            config.connect(f"notify::{name}", lambda *_, changed=changed: changed())
            for name, changed in (
                ("seed", self._seed_changed),
                ("model", self._changed),
                ("truncation", self._changed),
                ("class", self._changed),
            )
        ]

    def _build(self) -> None:
        """Make the widgets: the grid, and below it a text and the button for more."""
        self._grid = Gtk.FlowBox(selection_mode=Gtk.SelectionMode.BROWSE, homogeneous=True)
        self._grid.set_min_children_per_line(COLUMNS)
        self._grid.set_max_children_per_line(COLUMNS)
        self._images = [Gtk.Image(width_request=SIDE, height_request=SIDE) for _ in range(COUNT)]
        for image in self._images:
            self._grid.add(image)
        self._text = Gtk.Label(xalign=0, wrap=True, max_width_chars=50)
        more = Gtk.Button.new_with_mnemonic(_("M_ore"))
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        row.pack_start(self._text, True, True, 0)
        row.pack_end(more, False, False, 0)
        self.box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.box.pack_start(self._grid, True, True, 0)
        self.box.pack_start(row, False, False, 0)
        self.box.show_all()
        more.connect("clicked", lambda button: self._show_more())

    def draw(self) -> None:
        """Ask for all of them anew; they appear as they come."""
        self._asked += 1
        number = self._asked
        seeds = range(self._first, min(self._first + COUNT, self._questions.largest_seed + 1))
        options = self._questions.options(self._config, seeds)
        self._tell(_("Drawing..."))
        for image in self._images:
            image.clear()
        self._select(self._config.get_property("seed") - self._first)
        threading.Thread(target=self._fetch, args=(number, options), daemon=True).start()

    def leave(self) -> None:
        """The dialog closes: forget what is still asked."""
        self._asked += 1
        self._stop_waiting()
        for handler in self._handlers:
            self._config.disconnect(handler)

    def _fetch(self, number: int, options: dict[str, object]) -> None:
        text = _("Choose one; its number is the seed.")
        try:
            for index, thumbnail in enumerate(self._questions.thumbnails(options, lambda: number != self._asked)):
                GLib.idle_add(self._put, number, index, thumbnail)
        except Cancelled:
            return
        except UserError as problem:
            text = told(problem)
        GLib.idle_add(self._tell_if, number, text)

    def _put(self, number: int, index: int, thumbnail: png.Pixels) -> bool:
        if number == self._asked:
            scale = SIDE / max(thumbnail.width, thumbnail.height)
            size = max(1, round(thumbnail.width * scale)), max(1, round(thumbnail.height * scale))
            small = to_pixbuf(thumbnail).scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
            self._images[index].set_from_pixbuf(small)
        return GLib.SOURCE_REMOVE

    def _tell_if(self, number: int, text: str) -> bool:
        if number == self._asked:
            self._tell(text)
        return GLib.SOURCE_REMOVE

    def _tell(self, text: str) -> None:
        self._text.set_text(text)

    def _select(self, index: int) -> None:
        self._choosing = True
        self._grid.select_child(self._grid.get_child_at_index(index))
        self._choosing = False

    def _choose(self) -> None:
        chosen = self._grid.get_selected_children()
        if chosen and not self._choosing:
            self._choosing = True
            seed = min(self._first + chosen[0].get_index(), self._questions.largest_seed)
            self._config.set_property("seed", seed)
            self._choosing = False

    def _show_more(self) -> None:
        self._first = min(self._first + COUNT, self._questions.largest_seed)
        self._config.set_property("seed", self._first)
        self._changed()

    def _seed_changed(self) -> None:
        if not self._choosing:
            self._first = self._config.get_property("seed")
            self._changed()

    def _changed(self) -> None:
        self._stop_waiting()
        self._waiting = GLib.timeout_add(SETTLING, self._settled)

    def _settled(self) -> bool:
        self._waiting = 0
        self.draw()
        return GLib.SOURCE_REMOVE

    def _stop_waiting(self) -> None:
        if self._waiting:
            GLib.source_remove(self._waiting)
            self._waiting = 0
