"""What the window "Models" shows of the one that is selected, and its buttons. Imported only when it is shown."""

from __future__ import annotations

import logging

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, GLib, Gtk

from backend.client.catalogue import Download, ListedModel
from core import model_list
from core.i18n import _
from gimp.widgets import text

SAMPLES = 512, 128  # pixels of four samples side by side
LETTERS = 52  # of a line
LICENCE = _("Licence")
NO_SAMPLES = _("There are samples to see when it is here.")
NO_SAMPLES_YET = _("Its samples come as soon as nothing else is computed.")

log = logging.getLogger("draggan.models")


class ModelDetails:
    """Samples, title, facts and licence of one model; the buttons Download and Remove."""

    def __init__(self) -> None:
        self._shown: tuple[ListedModel | None, Download | None] = (None, None)
        self._samples, self._title = Gtk.Stack(), text(width=LETTERS)
        self._image, self._without = Gtk.Image(xalign=0), Gtk.Label(label=NO_SAMPLES)
        self._without.get_style_context().add_class("dim-label")
        self._facts = Gtk.Grid(column_spacing=12, row_spacing=8)
        self.download = Gtk.Button.new_with_mnemonic(_("_Download"))
        self.remove = Gtk.Button.new_with_mnemonic(_("_Remove..."))
        self.download.set_tooltip_text(_("Show the licence, then fetch the model in the background"))
        self.remove.set_tooltip_text(_("Delete the model from this computer"))
        buttons = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        for button in (self.download, self.remove):
            button.set_no_show_all(True)
            buttons.pack_start(button, False, False, 0)
        self._samples.set_size_request(*SAMPLES)
        for widget in (self._image, self._without):
            self._samples.add(widget)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        for widget in (self._samples, self._title, self._facts, buttons):
            self.widget.pack_start(widget, False, False, 0)

    def show(self, model: ListedModel | None, download: Download | None) -> None:
        """Show a model, or nothing; `download` is what is under way."""
        if (model, download) == self._shown:
            return
        self._shown = model, download
        under_way = download is not None and download.phase != "failed"
        self.download.set_visible(model is not None and model.state == "downloadable")
        self.download.set_sensitive(not under_way)
        self.remove.set_visible(model is not None and model.removable)
        for widget in self._facts.get_children():
            widget.destroy()
        pixbuf = _to_pixbuf(model.thumbnail) if model and model.thumbnail else None
        self._image.set_from_pixbuf(pixbuf)
        self._without.set_text(NO_SAMPLES_YET if model and model.state == "here" else NO_SAMPLES)
        self._without.set_visible(model is not None)
        self._samples.set_visible_child(self._image if pixbuf else self._without)
        self._title.set_text("")
        if model:
            self._title.set_markup(f"<big><b>{GLib.markup_escape_text(model.title)}</b></big>")
            self._tell(model)

    def _tell(self, model: ListedModel) -> None:
        rows = [(what, GLib.markup_escape_text(words)) for what, words in model_list.facts(model)]
        rows.insert(-1 if model.state == "manual" else len(rows), (LICENCE, _licence(model)))
        for number, (what, markup) in enumerate(rows):
            caption, words = Gtk.Label(label=what, xalign=1, yalign=0), text(width=LETTERS)
            caption.get_style_context().add_class("dim-label")
            words.set_markup(markup)
            words.set_selectable(what == model_list.TO_GET)
            words.set_can_focus(what in (model_list.TO_GET, LICENCE))
            self._facts.attach(caption, 0, number, 1, 1)
            self._facts.attach(words, 1, number, 1, 1)
        self._facts.show_all()


def _licence(model: ListedModel) -> str:
    terms = GLib.markup_escape_text(model_list.terms(model))
    link = model.licence.link
    return f'<a href="{GLib.markup_escape_text(link)}">{terms}</a>' if link else terms


def _to_pixbuf(file: bytes) -> GdkPixbuf.Pixbuf | None:
    """Return the picture in a PNG file, None where this system cannot read it."""
    loader = GdkPixbuf.PixbufLoader()
    try:
        loader.write(file)
        loader.close()
    except GLib.Error as error:
        log.info("no samples: %s", error)
        return None
    return loader.get_pixbuf()
