"""Help: a section of the manual that is installed with the plug-in, in the desktop's browser.

Imported only when a window is shown. The manual is made of docs/using.md by backend/manual.py.
"""

from __future__ import annotations

from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, Gtk

from core.i18n import _
from gimp.widgets import open_on_desktop

SECTIONS = Path(__file__).resolve().parents[1] / "manual" / "section"


def add_help(dialog: Gtk.Dialog, section: str) -> None:
    """Give a dialog a Help button in its last row; otherwise as `help_button`."""
    button, buttons = help_button(dialog, section), dialog.get_action_area()
    buttons.pack_start(button, False, False, 0)
    buttons.set_child_secondary(button, True)
    button.show()


def help_button(window: Gtk.Window, section: str) -> Gtk.Button:
    """Return a Help button for a window, which F1 presses, too.

    Args:
        section: its heading in docs/using.md, as an anchor: "models-of-ones-own".
    """
    button = Gtk.Button.new_with_mnemonic(_("_Help"))
    button.set_tooltip_text(_("Open the manual in the browser (F1)"))
    button.connect("clicked", lambda button: show(section, window))
    window.connect("key-press-event", lambda window, event: event.keyval == Gdk.KEY_F1 and (button.clicked() or True))
    return button


def show(section: str, parent: Gtk.Window) -> None:
    """Open a section of the manual, and say where it is when there is no browser to open it in."""
    problem = open_on_desktop(SECTIONS / f"{section}.html", parent)
    if problem:
        Gimp.message(problem)
