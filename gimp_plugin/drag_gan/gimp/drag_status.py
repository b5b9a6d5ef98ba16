"""Around the picture of the drag window: what goes on, how long it takes, what went wrong.

Imported only when it is shown.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk

from backend.client import Update
from core.advice import with_time_left
from core.i18n import _

log = logging.getLogger("draggan.drag_status")


class DragStatus:
    """A sentence, a bar, and above them a bar for what went wrong.

    Args:
        try_again: is called when the artist wants to.

    Attributes:
        box: to be put below the picture; `trouble`: over its upper edge.
    """

    def __init__(self, try_again: Callable[[], None]) -> None:
        self._text = Gtk.Label(xalign=0, wrap=True, hexpand=True, max_width_chars=60)
        self._bar = Gtk.ProgressBar(valign=Gtk.Align.CENTER, width_request=220)
        self.box = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
        self.box.pack_start(self._text, True, True, 0)
        self.box.pack_end(self._bar, False, False, 0)
        self._phase, self._since, self._pulsing = "", 0.0, False
        self._problem = Gtk.Label(xalign=0, wrap=True)
        self._build_trouble(try_again)
        self._pulse = GLib.timeout_add(200, self._beat)

    def leave(self) -> None:
        """The window closes."""
        GLib.source_remove(self._pulse)

    def work(self, update: Update, text: str) -> None:
        """Show that something lasts.

        Args:
            text: what.
        """
        if update.phase != self._phase:
            self._phase, self._since = update.phase, time.monotonic()
        self._text.set_text(with_time_left(text, update, time.monotonic() - self._since))
        self._pulsing = update.fraction is None
        if update.fraction is not None:
            self._bar.set_fraction(update.fraction)
        self._bar.set_opacity(1)

    def say(self, text: str) -> None:
        """Show a sentence while nothing lasts."""
        self._phase, self._pulsing = "", False
        self._text.set_text(text)
        self._bar.set_opacity(0)  # its place stays, so that nothing jumps

    def tell_trouble(self, sentence: str, goes_on: bool = False) -> None:
        """Show what went wrong; "" when all is well again.

        Args:
            goes_on: whether the artist can go on all the same: then it can be put away, else tried again.
        """
        if sentence != self._problem.get_text():
            log.info("above the picture: %r", sentence)
        self._problem.set_text(sentence)
        self._again.set_visible(not goes_on)
        self.trouble.set_show_close_button(goes_on)
        self.trouble.set_visible(bool(sentence))
        self.trouble.set_revealed(bool(sentence))

    def _build_trouble(self, try_again: Callable[[], None]) -> None:
        self.trouble = Gtk.InfoBar(message_type=Gtk.MessageType.WARNING, no_show_all=True, valign=Gtk.Align.START)
        self.trouble.get_content_area().add(self._problem)
        self._problem.show()
        self._again = self.trouble.add_button(_("Tr_y Again"), Gtk.ResponseType.OK)
        self._again.set_tooltip_text(_("Go on from here: all points are still there."))

        def respond(bar: Gtk.InfoBar, response: int) -> None:
            try_again() if response == Gtk.ResponseType.OK else self.tell_trouble("")

        self.trouble.connect("response", respond)

    def _beat(self) -> bool:
        if self._pulsing:
            self._bar.pulse()
        return GLib.SOURCE_CONTINUE
