"""The list in the window "Models": of each its title and state, under headings. Imported only when it is shown."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gtk, Pango

from backend.client.catalogue import ListedModel, ModelList
from core import model_list
from core.i18n import _

WIDTH = 300  # pixels
PLAIN = b"* { background: none; }"  # GIMP's themes paint what is in a row over the colour that says it is selected


class ModelRows:
    """The rows, of which one is selected as soon as there are any.

    Args:
        name: of the model that is selected first.
        changed: is called when another one was selected.
    """

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        self.selected = name
        self._later = ""  # selected as soon as it is listed
        self._list = Gtk.ListBox(selection_mode=Gtk.SelectionMode.BROWSE)
        self._rows: dict[str, _Row] = {}
        self._filling = False
        self._list.set_header_func(_put_heading)
        self._list.connect("row-selected", lambda rows, row: self._select(row, changed))
        self.widget = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, shadow_type=Gtk.ShadowType.IN)
        self.widget.set_size_request(WIDTH, -1)
        self._list.set_tooltip_text(_("The models that are here, and those that can be had"))
        self.widget.add(self._list)

    def fill(self, listing: ModelList) -> None:
        """Show these models; the one that was selected stays so."""
        self._filling = True
        wanted = [(model.name, model_list.section(model)) for model in _in_sections(listing)]
        if wanted != [(name, row.section) for name, row in self._rows.items()]:
            self._build(listing)
        for model in listing.models:
            self._rows[model.name].tell(model_list.row(model, listing.download))
        self._filling = False
        if self._later in self._rows:
            self._list.select_row(self._rows[self._later])
            self._rows[self._later].grab_focus()
            self._later = ""

    def select_later(self, name: str) -> None:
        """Select a model as soon as it is in the list."""
        self._later = name

    def _build(self, listing: ModelList) -> None:
        for row in self._rows.values():
            row.destroy()
        self._rows = {model.name: _Row(model) for model in _in_sections(listing)}
        for row in self._rows.values():
            self._list.add(row)
        self._list.show_all()
        selected = self._rows.get(self.selected) or next(iter(self._rows.values()))
        self.selected = selected.name
        self._list.select_row(selected)
        selected.grab_focus()

    def _select(self, row: _Row | None, changed: Callable[[], None]) -> None:
        if row is not None and not self._filling:
            self.selected = row.name
            changed()


class _Row(Gtk.ListBoxRow):
    """A model's title, and below it its state."""

    def __init__(self, model: ListedModel) -> None:
        super().__init__()
        self.name, self.section = model.name, model_list.section(model)
        title = Gtk.Label(label=model.title, xalign=0, ellipsize=Pango.EllipsizeMode.END)
        self._state = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.END)
        self._state.get_style_context().add_class("dim-label")
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2, border_width=6)
        box.pack_start(title, False, False, 0)
        box.pack_start(self._state, False, False, 0)
        self.add(box)
        plain = Gtk.CssProvider()
        plain.load_from_data(PLAIN)
        for widget in (box, title, self._state):
            widget.get_style_context().add_provider(plain, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)

    def tell(self, state: str) -> None:
        self._state.set_text(state)


def _in_sections(listing: ModelList) -> list[ListedModel]:
    """Return the models by their headings, within each in their order."""
    order = (model_list.HERE, model_list.DOWNLOADABLE, model_list.BY_HAND)
    return sorted(listing.models, key=lambda model: order.index(model_list.section(model)))


def _put_heading(row: _Row, before: _Row | None) -> None:
    if before is not None and before.section == row.section:
        row.set_header(None)
        return
    heading = Gtk.Label(xalign=0, margin=6, margin_top=10)
    heading.set_markup(f"<b>{row.section}</b>")
    heading.show()
    row.set_header(heading)
