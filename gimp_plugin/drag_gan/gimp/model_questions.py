"""What the window "Models" asks before something is done. Imported only when it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk

from backend.client.catalogue import ListedModel
from core import model_list
from core.i18n import _
from gimp.widgets import confirm, end, text

CHOOSER = 800, 560  # pixels
PATTERNS = ("*.pkl", "*.pt", "*.safetensors")


class ChosenFile(NamedTuple):
    """A model's file, and what it is to be called."""

    file: Path
    name: str


def accept_licence(model: ListedModel, parent: Gtk.Window) -> bool:
    """Show a model's licence, and return whether it was accepted."""
    licence, name = model.licence, GLib.markup_escape_text(model.licence.name)
    if licence.link:
        link = GLib.markup_escape_text(licence.link)
        name = f'<a href="{link}">{name}</a>\n<small>{link}</small>'
    parts = [_("The licence of <b>{model}</b> is:").format(model=GLib.markup_escape_text(model.title)), name]
    if licence.non_commercial:
        parts.append(_("<b>It allows no commercial use.</b>"))
    parts.append(_("Do you accept it? You are not asked again."))
    content = text()
    content.set_markup("\n\n".join(parts))
    return confirm(_("Licence"), "draggan-licence", content, _("_Accept and Download"), parent)


def remove(model: ListedModel, parent: Gtk.Window) -> bool:
    """Return whether a model is to be deleted."""
    content = text(
        _("Remove {model} from this computer? It would have to be downloaded or added again.").format(model=model.title)
    )
    return confirm(_("Remove Model"), "draggan-remove", content, _("_Remove"), parent)


def choose_file(parent: Gtk.Window) -> ChosenFile | None:
    """Have a model's file chosen, and a name for it; None when the artist thought better of it."""
    dialog = Gtk.FileChooserDialog(title=_("Add Model File"), transient_for=parent, action=Gtk.FileChooserAction.OPEN)
    dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    dialog.add_button(_("_Add"), Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    for label, patterns in ((_("StyleGAN2 models"), PATTERNS), (_("All files"), ("*",))):
        kind = Gtk.FileFilter()
        kind.set_name(label)
        for pattern in patterns:
            kind.add_pattern(pattern)
        dialog.add_filter(kind)
    tip = _("What the model is called in the list of models")
    name = Gtk.Entry(width_chars=30, activates_default=True, tooltip_text=tip)
    label = Gtk.Label.new_with_mnemonic(_("_Name in the list"))
    label.set_mnemonic_widget(name)
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
    row.pack_start(label, False, False, 0)
    row.pack_start(name, False, False, 0)
    row.show_all()
    dialog.set_extra_widget(row)
    dialog.connect("selection-changed", lambda dialog: _suggest(dialog.get_filename(), name))
    dialog.show()
    dialog.resize(*CHOOSER)  # it would be higher than a small screen
    accepted = dialog.run() == Gtk.ResponseType.OK
    file, chosen = dialog.get_filename(), name.get_text().strip()
    end(dialog)
    if not accepted or not file:
        return None
    return ChosenFile(Path(file), chosen or model_list.name_for(Path(file)))


def _suggest(file: str | None, name: Gtk.Entry) -> None:
    if file and Path(file).is_file():
        name.set_text(model_list.name_for(Path(file)))
