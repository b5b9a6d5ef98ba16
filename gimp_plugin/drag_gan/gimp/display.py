"""Whether there is a screen for windows. GTK is imported only when one is wanted."""

from __future__ import annotations

import gi


def opened(procedure: str) -> bool:
    """Whether windows can be shown by this procedure; GimpUi.init would end the process where they cannot."""
    gi.require_version("Gtk", "3.0")
    gi.require_version("GimpUi", "3.0")
    from gi.repository import GimpUi, Gtk

    if not Gtk.init_check(None)[0]:
        return False
    GimpUi.init(procedure)
    return True
