"""Parts of windows that more than one of them has. Imported only when one is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, GObject, Gtk

from backend.client import png


def to_pixbuf(image: png.Pixels) -> GdkPixbuf.Pixbuf:
    """Convert an RGB image to what GTK shows."""
    data, row = GLib.Bytes.new(image.data), image.width * 3
    rgb = GdkPixbuf.Colorspace.RGB
    return GdkPixbuf.Pixbuf.new_from_bytes(data, rgb, False, 8, image.width, image.height, row)


def new_dialog(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, title: str, ok_label: str
) -> GimpUi.ProcedureDialog:
    """Make an empty dialog without Help: that leads to pages of GIMP's manual, which has none on this plug-in."""
    dialog = GimpUi.ProcedureDialog.new(procedure, config, title)
    dialog.set_ok_label(ok_label)
    button = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    if button:
        button.set_no_show_all(True)
        button.hide()
    return dialog


def add_model_row(
    dialog: GimpUi.ProcedureDialog,
    config: Gimp.ProcedureConfig,
    fetch_models: Callable[[], Sequence[str]],
    preferred: str = "",
) -> None:
    """Add the row for a name from the list or a file's path: the automatic widget of a text argument has no list.

    Args:
        fetch_models: gives the names; it may take its time (the backend starts) and is called in another thread.
        preferred: is chosen when it is among the names, unless the artist was faster.
    """
    models = Gtk.ComboBoxText.new_with_entry()
    entry = models.get_child()
    entry.set_width_chars(24)
    models.set_tooltip_text(config.find_property("model").blurb)
    both_directions = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
    config.bind_property("model", entry, "text", both_directions)
    models.append_text(entry.get_text())
    label = Gtk.Label.new_with_mnemonic("_Model")
    label.set_mnemonic_widget(entry)
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
    row.pack_start(label, False, False, 0)
    row.pack_start(models, True, True, 0)
    row.show_all()
    dialog.get_content_area().pack_start(row, False, False, 0)
    _fetch(fetch_models, models, preferred)


def _fetch(fetch_models: Callable[[], Sequence[str]], models: Gtk.ComboBoxText, preferred: str) -> None:
    known = models.get_child().get_text()

    def fill(names: Sequence[str]) -> bool:
        if models.get_parent():  # the dialog may be closed by now
            for name in names:
                if name != known:
                    models.append_text(name)
            if preferred in names and models.get_child().get_text() == known:
                models.get_child().set_text(preferred)
        return GLib.SOURCE_REMOVE

    threading.Thread(target=lambda: GLib.idle_add(fill, fetch_models()), daemon=True).start()
