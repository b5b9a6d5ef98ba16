"""The last row of the drag window: what goes on, beside Help, Cancel and Keep. Imported only when it is shown."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk

from core.i18n import _
from gimp.manual import help_button


class DragButtons:
    """The buttons that end the window.

    Args:
        cancel: is called to leave the image as it was.
        keep: is told whether the whole way is wanted, and whether as a new image.
        width: of all of them, in pixels.
    """

    def __init__(
        self, window: Gtk.Window, cancel: Callable[[], object], keep: Callable[[bool, bool], None], width: int
    ) -> None:
        leave, self._keep = (Gtk.Button.new_with_mnemonic(label) for label in (_("_Cancel"), _("_Keep")))
        self._frames = Gtk.MenuButton(
            label=_("Keep as F_rames"), use_underline=True, direction=Gtk.ArrowType.UP, popup=_menu(keep)
        )
        leave.set_tooltip_text(_("Leave the image as it was (Escape)."))
        self._frames.set_tooltip_text(_("Make layers that show the whole way to what is shown."))
        self._keep.set_tooltip_text(_("Make a new layer of what is shown."))
        leave.connect("clicked", lambda button: cancel())
        self._keep.connect("clicked", lambda button: keep(False, False))
        self._row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6, width_request=width)
        self._row.set_valign(Gtk.Align.END)  # no higher beside a long sentence
        for button in (help_button(window, "pull"), leave, self._frames, self._keep):
            self._row.pack_start(button, True, True, 0)
        self.let_keep(False)

    def let_keep(self, can_keep: bool) -> None:
        """Let what is shown be kept, or not."""
        for button in (self._frames, self._keep):
            button.set_sensitive(can_keep)

    def row_after(self, other: Gtk.Widget) -> Gtk.Box:
        """Return the last row: the buttons after something else, since screens are wide and low."""
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
        row.pack_start(other, True, True, 0)
        row.pack_start(self._row, False, False, 0)
        return row


def _menu(keep: Callable[[bool, bool], None]) -> Gtk.Menu:
    """Where the frames may come."""
    menu = Gtk.Menu()
    for label, new_image in ((_("In a Group Above the Layer"), False), (_("As a New Image, Which GIMP Plays"), True)):
        entry = Gtk.MenuItem(label=label)
        entry.connect("activate", lambda entry, new_image=new_image: keep(True, new_image))
        menu.append(entry)
    menu.show_all()
    return menu
