"""Whether there is a screen for windows. GTK is imported only for one."""

from __future__ import annotations

import gi


def init_windows(procedure: str) -> bool:
    """Make windows usable for this procedure.

    Returns:
        False where there is no screen: GimpUi.init would end the process there.
    """
    gi.require_version("Gtk", "3.0")
    gi.require_version("GimpUi", "3.0")
    from gi.repository import GimpUi, Gtk

    if not Gtk.init_check(None)[0]:
        return False
    GimpUi.init(procedure)
    return True
