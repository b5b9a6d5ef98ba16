"""The window "Models": all that are known, what can be done with each, and how far a download is.

Imported only when it is shown. What is asked of the backend is asked in another thread (core/model_watch.py).
"""

from __future__ import annotations

import functools

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk

from backend.client import Backend, catalogue
from core import model_list
from core.i18n import _
from core.model_watch import ModelWatch, Seen
from gimp import model_questions
from gimp.manual import add_help
from gimp.model_details import ModelDetails
from gimp.model_rows import ModelRows
from gimp.widgets import attach, end, text

TITLE = _("Models")
ADD = 1  # the response of the button Add File
SIZE = 920, 600  # pixels


def show(backend: Backend, name: str = "", parent: Gtk.Window | None = None) -> str:
    """Show the window until the artist closes it.

    Args:
        name: of the model that it opens on.
        parent: the window that it was opened from; None for GIMP's.

    Returns:
        The name of the model that is selected in the end.
    """
    window = _ModelsWindow(backend, name, parent)
    return window.run()


class _ModelsWindow:
    def __init__(self, backend: Backend, name: str, parent: Gtk.Window | None) -> None:
        self._seen, self._open = Seen(None, ""), True
        self._dialog = GimpUi.Dialog(title=TITLE, role="draggan-models")
        attach(self._dialog, parent)
        add = self._dialog.add_button(_("_Add File..."), ADD)
        add.set_tooltip_text(_("Take a StyleGAN2 file of your own; the file stays as it is"))
        self._dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        add_help(self._dialog, "models")
        self._dialog.set_default_size(*SIZE)
        self._rows = ModelRows(name, lambda: self._show())
        self._details = ModelDetails()
        self._strip = _Strip()
        self._build()
        self._details.download.connect("clicked", lambda button: self._download())
        self._details.remove.connect("clicked", lambda button: self._remove())
        self._strip.button.connect("clicked", lambda button: self._watch.do(catalogue.cancel_download))
        self._strip.tell(_("Looking for the backend..."))
        self._watch = ModelWatch(backend, lambda seen: GLib.idle_add(self._take, seen), with_samples=True)

    def run(self) -> str:
        self._dialog.show_all()
        while self._dialog.run() == ADD:
            self._add()
        self._open = False
        self._watch.close()
        end(self._dialog)
        return self._rows.selected

    def _build(self) -> None:
        columns = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
        columns.pack_start(self._rows.widget, True, True, 0)
        columns.pack_start(self._details.widget, False, False, 0)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        box.pack_start(columns, True, True, 0)
        box.pack_start(self._strip.widget, False, False, 0)
        self._dialog.get_content_area().pack_start(box, True, True, 0)

    def _take(self, seen: Seen) -> bool:
        if self._open:
            self._seen = seen
            if seen.listing:
                self._rows.fill(seen.listing)
            self._show()
        return GLib.SOURCE_REMOVE

    def _show(self) -> None:
        """Show the model that is selected, and what is under way."""
        listing, problem = self._seen
        self._details.show(model_list.find(listing, self._rows.selected), listing and listing.download)
        self._strip.tell(problem)
        self._strip.show(listing)

    def _download(self) -> None:
        model = model_list.find(self._seen.listing, self._rows.selected)
        if model and (model.accepted or model_questions.accept_licence(model, self._dialog)):
            self._watch.do(functools.partial(catalogue.download, name=model.name, accept_licence=True))

    def _remove(self) -> None:
        model = model_list.find(self._seen.listing, self._rows.selected)
        if model and model_questions.remove(model, self._dialog):
            self._watch.do(functools.partial(catalogue.remove_model, name=model.name))

    def _add(self) -> None:
        chosen = model_questions.choose_file(self._dialog)
        if chosen:
            self._rows.select_later(chosen.name)
            self._watch.do(functools.partial(catalogue.add_model, file=chosen.file, name=chosen.name))


class _Strip:
    """The lines at the bottom: why something was refused, and how far the download is that is under way."""

    def __init__(self) -> None:
        self._problem, self._text = text(width=100), text(width=60)
        self._bar = Gtk.ProgressBar(valign=Gtk.Align.CENTER, width_request=160, no_show_all=True)
        self.button = Gtk.Button(valign=Gtk.Align.CENTER, use_underline=True, no_show_all=True)
        self.button.set_tooltip_text(_("End what is under way; what has come is kept"))
        line = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
        line.set_size_request(-1, 36)  # so that nothing moves when the button comes
        self._text.set_yalign(0.5)
        line.pack_start(self._text, True, True, 0)
        line.pack_start(self._bar, False, False, 0)
        line.pack_start(self.button, False, False, 0)
        self._problem.set_no_show_all(True)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.widget.pack_start(self._problem, False, False, 0)
        self.widget.pack_start(line, False, False, 0)

    def tell(self, sentence: str) -> None:
        """Show a sentence, "" for none."""
        self._problem.set_text(sentence)
        self._problem.set_visible(bool(sentence))

    def show(self, listing: catalogue.ModelList | None) -> None:
        """Show what is under way, or that it has failed."""
        download = listing.download if listing else None
        failed = download is not None and download.phase == "failed"
        self._text.set_text(model_list.progress(download, listing) if download and listing else "")
        self.button.set_label(_("_OK") if failed else _("Ca_ncel"))
        self.button.set_visible(download is not None)
        self._bar.set_visible(download is not None and not failed)
        share = model_list.done(download) if download else None
        if share is None:
            self._bar.pulse()
        else:
            self._bar.set_fraction(share)
