"""Pages of the window "Settings": the check of the installation, and the log. Imported only when it is shown."""

from __future__ import annotations

from pathlib import Path

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk

from backend.client import Installation
from core.check import Check, Finding
from core.i18n import _
from core.logs import end_of
from gimp.widgets import open_on_desktop, text

LETTERS = 60  # of a line
WELL, ILL = "✓", "<b>!</b>"


class CheckPage:
    """A button, and below it what is found, line by line."""

    def __init__(self, installation: Installation) -> None:
        self._installation, self._check = installation, None
        self._button = Gtk.Button(
            label=_("Check _My Installation"),
            use_underline=True,
            tooltip_text=_("Look at everything that has to be right, and do a small drag; about half a minute"),
        )
        self._button.connect("clicked", lambda button: self._start())
        self._text = text(_("Looks at everything that has to be right, and says what to do where it is not."), LETTERS)
        self._spinner = Gtk.Spinner()
        self._found = Gtk.Grid(column_spacing=12, row_spacing=10)
        line = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
        line.pack_start(self._button, False, False, 0)
        line.pack_start(self._spinner, False, False, 0)
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        scrolled.add(self._found)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        for widget, fills in ((self._text, False), (line, False), (scrolled, True)):
            self.widget.pack_start(widget, fills, fills, 0)
        self._rows, self._ill = 0, 0

    def close(self) -> None:
        """The window closes: forget what is still looked at."""
        if self._check:
            self._check.close()

    def _start(self) -> None:
        self.close()
        for widget in self._found.get_children():
            widget.destroy()
        self._rows = self._ill = 0
        self._button.set_sensitive(False)
        self._text.set_text(_("Looking..."))
        self._spinner.start()
        check = Check(
            self._installation,
            lambda finding: GLib.idle_add(self._add, finding),
            lambda: GLib.idle_add(self._finish),
        )
        self._check = check

    def _add(self, finding: Finding) -> bool:
        mark = Gtk.Label(yalign=0, width_chars=2)
        mark.set_markup(WELL if finding.is_well else ILL)
        words = text(finding.text, LETTERS)
        words.set_selectable(True)
        words.set_can_focus(False)
        caption = Gtk.Label(label=finding.what, xalign=0, yalign=0)
        for column, widget in enumerate((mark, caption, words)):
            self._found.attach(widget, column, self._rows, 1, 1)
        self._found.show_all()
        self._rows += 1
        self._ill += not finding.is_well
        return GLib.SOURCE_REMOVE

    def _finish(self) -> bool:
        self._spinner.stop()
        self._button.set_sensitive(True)
        self._text.set_text(_("All is well.") if not self._ill else _("Not all is well; what to do is said below."))
        return GLib.SOURCE_REMOVE


class LogPage:
    """The end of the backend's log.

    Args:
        dialog: the window it is in.
    """

    def __init__(self, dialog: Gtk.Window) -> None:
        self._log, self._shown = Path(), ""
        self._view = Gtk.TextView(
            editable=False, monospace=True, cursor_visible=False, wrap_mode=Gtk.WrapMode.WORD_CHAR
        )
        self._view.set_tooltip_text(_("The last lines of the backend's log"))
        scrolled = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.IN)
        scrolled.add(self._view)
        self._path, problem = text(width=LETTERS), text(width=LETTERS)
        self._path.set_selectable(True)
        self._path.set_can_focus(False)
        button = Gtk.Button(
            label=_("_Open Folder"),
            use_underline=True,
            tooltip_text=_("Show the folder of the logs"),
            valign=Gtk.Align.START,
        )
        button.connect("clicked", lambda button: problem.set_text(open_on_desktop(self._log.parent, dialog)))
        line = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
        line.pack_start(self._path, True, True, 0)
        line.pack_start(button, False, False, 0)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        for widget, fills in ((line, False), (scrolled, True), (problem, False)):
            self.widget.pack_start(widget, fills, fills, 0)

    def show(self, log: Path) -> None:
        """Show the log's end anew if it has changed, and scroll there."""
        lines = end_of(log)
        if (log, lines) == (self._log, self._shown):
            return
        self._log, self._shown = log, lines
        self._path.set_text(str(log))
        buffer = self._view.get_buffer()
        buffer.set_text(lines)
        buffer.place_cursor(buffer.get_end_iter())
        self._view.scroll_to_mark(buffer.get_insert(), 0, False, 0, 0)
