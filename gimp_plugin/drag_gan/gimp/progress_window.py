"""The window that shows a drag at work: preview with its points, progress bar, Cancel, Stop and Keep.

A window of our own, because the Cancel beside GIMP's own progress bar kills the plug-in outright (measured).
The work runs in a thread; everything of Gtk and GIMP stays in the main thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, GimpUi, GLib, Gtk

from backend.client import Points, Update, png
from backend.errors import Cancelled
from core import markers
from core.i18n import _, translated
from gimp.widgets import end, lay_on, text, to_pixbuf

LONGEST_SIDE = 420
KEEP = 1  # the response of the button Stop and Keep
Outcome = TypeVar("Outcome")
Work = Callable[[Callable[[Update], None], Callable[[], bool], Callable[[], bool]], Outcome]

log = logging.getLogger("draggan.progress_window")


class ProgressWindow:
    """Shows one job.

    Args:
        first: RGB, shown until a preview comes.
        region: x, y, width, height of what `first` shows, in pixels of the layer.
    """

    def __init__(self, title: str, first: png.Pixels, region: tuple[int, int, int, int]) -> None:
        self._loop = GLib.MainLoop()
        self._cancelled, self._finish_early = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._newest: Update | None = None
        self._image_shown, self._region = first, region
        self._points: Points = ()
        self._targets: Points = ()
        self._pins: set[int] = set()  # numbers of the points that are to stay; they may still move a little
        self._pulsing = True
        self._outcome: Any = None
        self._error: BaseException | None = None
        self._dialog, self._image, self._bar, self._text = _build(title)
        self._dialog.connect("response", lambda dialog, response: self._respond(response))
        self._dialog.connect("delete-event", lambda dialog, event: self._cancel())

    def run(self, work: Work[Outcome], update: Update) -> Outcome:
        """Do the work, in another thread, and return what it returns.

        Args:
            work: is given what takes its updates, whether it is cancelled, and whether it is to finish early.
            update: shown first.

        Raises:
            Cancelled: by the artist; everything else that `work` raises.
        """
        self._show(update)
        self._dialog.show_all()
        thread = threading.Thread(target=self._work, args=(work,), daemon=True)
        pulse = GLib.timeout_add(200, self._pulse)
        thread.start()
        self._loop.run()
        GLib.source_remove(pulse)
        end(self._dialog)
        thread.join(timeout=2 if self._cancelled.is_set() else None)
        if self._cancelled.is_set():
            raise Cancelled
        if self._error:
            raise self._error
        return self._outcome

    def _work(self, work: Work[Any]) -> None:
        try:
            self._outcome = work(self._post, self._cancelled.is_set, self._finish_early.is_set)
        except BaseException as error:  # for the main thread, which raises it
            self._error = error
        GLib.idle_add(self._loop.quit)

    def _post(self, update: Update) -> None:
        """Take an update from the work's thread: only the newest is kept, so that frames never queue up."""
        with self._lock:
            waiting, self._newest = self._newest is not None, update
        if not waiting:
            GLib.idle_add(self._paint)

    def _paint(self) -> bool:
        with self._lock:
            update, self._newest = self._newest, None
        if update and not self._cancelled.is_set():
            self._show(update)
        return GLib.SOURCE_REMOVE

    def _show(self, update: Update) -> None:
        self._text.set_text(translated(update.message))
        if update.fraction is not None:
            self._bar.set_fraction(update.fraction)
        self._bar.set_show_text(update.fraction is not None)
        self._pulsing = update.fraction is None
        self._dialog.set_response_sensitive(KEEP, update.phase == "drag" and not self._finish_early.is_set())
        if update.preview and update.region:
            self._image_shown, self._region = update.preview, update.region
        if update.points:
            if not self._points:
                pairs = zip(update.points, update.targets, strict=False)
                self._pins = {number for number, (point, target) in enumerate(pairs) if point == target}
            self._points, self._targets = update.points, update.targets
        self._image.set_from_pixbuf(self._frame())

    def _frame(self) -> GdkPixbuf.Pixbuf:
        """Return the image at the window's size with the points on it: the last ones known, whatever the phase."""
        scale = LONGEST_SIDE / max(self._region[2:])
        size = max(1, round(self._region[2] * scale)), max(1, round(self._region[3] * scale))
        pixbuf = to_pixbuf(self._image_shown).scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
        points = markers.to_preview(self._points, self._region, size)
        targets = markers.to_preview(self._targets, self._region, size)
        trajectories = [
            markers.Trajectory((point,) if number in self._pins else (point, target))
            for number, (point, target) in enumerate(zip(points, targets, strict=False))
        ]
        for mark in markers.marks(trajectories, size):
            lay_on(pixbuf, mark)
        return pixbuf

    def _pulse(self) -> bool:
        if self._pulsing:
            self._bar.pulse()
        return GLib.SOURCE_CONTINUE

    def _respond(self, response: int) -> None:
        if response != KEEP:
            self._cancel()
            return
        log.info("stopped and kept by the artist")
        self._finish_early.set()
        self._dialog.set_response_sensitive(KEEP, False)

    def _cancel(self) -> bool:
        log.info("cancelled by the artist")
        self._cancelled.set()
        self._loop.quit()
        return True


def _build(title: str) -> tuple[Gtk.Dialog, Gtk.Image, Gtk.ProgressBar, Gtk.Label]:
    dialog = GimpUi.Dialog(title=title, role="draggan-progress")
    GimpUi.window_set_transient(dialog)
    dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    dialog.add_button(_("_Stop and Keep"), KEEP)
    dialog.set_response_sensitive(KEEP, False)
    image, bar, message = Gtk.Image(), Gtk.ProgressBar(), text()
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, border_width=12)
    for widget in (image, message, bar):
        box.pack_start(widget, False, False, 0)
    dialog.get_content_area().add(box)
    return dialog, image, bar, message
