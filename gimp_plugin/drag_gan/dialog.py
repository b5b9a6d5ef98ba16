"""The filter's dialog: what was found on the canvas, and the few choices. Imported only when it is shown."""

# pyright: reportMissingImports=false
# (gi comes with GIMP and brings no types)

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk  # noqa: E402

TITLE = "Drag Along Paths"
ADVANCED = ("latent-space", "mask-weight", "inversion-steps")


def ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    found: str,
    fetch_models: Callable[[], Sequence[str]],
) -> bool:
    """Show the dialog and store the artist's choices in `config`; False when it was cancelled.

    `found` is the sentence about drags and selection; `fetch_models` gives the names of the models, may take
    its time (it starts the backend while the artist looks at the dialog) and runs in another thread.
    """
    dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
    dialog.set_ok_label("_Drag")
    _hide_help(dialog)
    dialog.get_label("found", found, False, False)
    dialog.fill(["found"])
    models = _add_model_row(dialog, config)
    dialog.fill_box("advanced-box", list(ADVANCED))
    title = dialog.get_label("advanced-title", "Advanced", False, False)
    title.set_text_with_mnemonic("_Advanced")
    title.set_mnemonic_widget(dialog.fill_expander("advanced", "advanced-title", False, "advanced-box"))
    dialog.fill(["region", "steps", "advanced"])
    _fetch(fetch_models, models)
    accepted = dialog.run()
    dialog.destroy()
    return bool(accepted)


def _hide_help(dialog: GimpUi.ProcedureDialog) -> None:
    """GIMP's own Help button leads to pages of GIMP's manual, which has none on this filter."""
    button = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    if button:
        button.set_no_show_all(True)
        button.hide()


def _add_model_row(dialog: GimpUi.ProcedureDialog, config: Gimp.ProcedureConfig) -> Gtk.ComboBoxText:
    """A name from the list or a file's path: the automatic widget of a text argument has no list."""
    models = Gtk.ComboBoxText.new_with_entry()
    entry = models.get_child()
    entry.set_width_chars(24)
    models.set_tooltip_text(config.find_property("model").blurb)
    both_ways = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
    config.bind_property("model", entry, "text", both_ways)
    models.append_text(entry.get_text())
    label = Gtk.Label.new_with_mnemonic("_Model")
    label.set_mnemonic_widget(entry)
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
    row.pack_start(label, False, False, 0)
    row.pack_start(models, True, True, 0)
    row.show_all()
    dialog.get_content_area().pack_start(row, False, False, 0)
    return models


def _fetch(fetch_models: Callable[[], Sequence[str]], models: Gtk.ComboBoxText) -> None:
    known = models.get_child().get_text()

    def fill(names: Sequence[str]) -> bool:
        if models.get_mapped():  # the dialog may be closed by now
            for name in names:
                if name != known:
                    models.append_text(name)
        return GLib.SOURCE_REMOVE

    threading.Thread(target=lambda: GLib.idle_add(fill, fetch_models()), daemon=True).start()
