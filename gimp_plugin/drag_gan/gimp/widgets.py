"""Parts of windows that more than one of them has. Imported only when one is shown."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, Gtk

from backend.client import png
from core.i18n import _
from core.markers import Mark, Sprite


def to_pixbuf(image: png.Pixels) -> GdkPixbuf.Pixbuf:
    """Convert an RGB or RGBA image to what GTK shows."""
    data, row = GLib.Bytes.new(image.data), image.width * image.channels
    rgb = GdkPixbuf.Colorspace.RGB
    return GdkPixbuf.Pixbuf.new_from_bytes(data, rgb, image.channels == 4, 8, image.width, image.height, row)


def lay_on(picture: GdkPixbuf.Pixbuf, mark: Mark) -> None:
    """Lay a mark on a picture; what of it lies outside is not seen."""
    sprite, (x, y) = mark
    x, y = x - sprite.x, y - sprite.y
    left, top = max(0, x), max(0, y)
    right, bottom = min(picture.get_width(), x + sprite.width), min(picture.get_height(), y + sprite.height)
    if left < right and top < bottom:
        sharp = GdkPixbuf.InterpType.NEAREST
        _pixbuf_of(sprite).composite(picture, left, top, right - left, bottom - top, x, y, 1, 1, sharp, 255)


@lru_cache(maxsize=96)
def _pixbuf_of(sprite: Sprite) -> GdkPixbuf.Pixbuf:
    return to_pixbuf(png.Pixels(sprite.width, sprite.height, 4, sprite.rgba))


def new_dialog(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, title: str, ok_label: str
) -> GimpUi.ProcedureDialog:
    """Make an empty dialog without GIMP's Help: that leads to GIMP's manual, which has no pages on this plug-in."""
    dialog = GimpUi.ProcedureDialog.new(procedure, config, title)
    dialog.set_ok_label(ok_label)
    button = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    if button:
        button.set_no_show_all(True)
        button.hide()
    return dialog


def confirm(title: str, role: str, content: Gtk.Widget, yes_label: str, parent: Gtk.Window | None = None) -> bool:
    """Show a question and return whether it was answered with yes; Cancel is what Enter and Escape mean.

    Args:
        role: of the window.
        content: says what is asked.
        yes_label: the button that means yes.
        parent: the window that it belongs to; None for GIMP's.
    """
    dialog = GimpUi.Dialog(title=title, role=role)
    attach(dialog, parent)
    dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    dialog.add_button(yes_label, Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.CANCEL)
    dialog.set_resizable(False)  # else it is as high as its text is when it is as narrow as can be
    content.set_property("margin", 12)
    dialog.get_content_area().add(content)
    dialog.show_all()
    response = dialog.run()
    end(dialog)
    return bool(response == Gtk.ResponseType.OK)


def attach(dialog: Gtk.Window, parent: Gtk.Window | None) -> None:
    """Keep a window above the one it belongs to; None for GIMP's."""
    if parent is None:
        GimpUi.window_set_transient(dialog)
    else:
        dialog.set_transient_for(parent)


def end(dialog: Gtk.Window) -> None:
    """Take a window off the screen before anything else is done."""
    dialog.destroy()
    while Gtk.events_pending():
        Gtk.main_iteration()


def text(content: str = "", width: int = 50) -> Gtk.Label:
    """Return a label of several lines, at most so many letters wide."""
    return Gtk.Label(label=content, xalign=0, yalign=0, wrap=True, max_width_chars=width)


def open_on_desktop(place: Path, parent: Gtk.Window) -> str:
    """Show a folder or file in the program that the desktop has for it.

    Returns:
        "", or a sentence where there is none.
    """
    try:
        Gtk.show_uri_on_window(parent, place.as_uri(), Gtk.get_current_event_time())
        return ""
    except GLib.Error as error:
        return _("{place} cannot be shown here ({error}); open it yourself.").format(place=place, error=error.message)
