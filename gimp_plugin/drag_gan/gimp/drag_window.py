"""The drag window: the artist pulls, and the subject follows. Imported only when it is shown.

Everything of Gtk and GIMP stays in the main thread; the job works in others (live_work.py).
"""

from __future__ import annotations

import logging

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk

from backend.client import Backend, Box, Result, Unfit, Update
from backend.errors import Cancelled, UserError
from core import may_move
from core.advice import advice
from core.drag_session import DragSession
from core.drags import Drag
from core.gestures import Gestures
from core.i18n import _, translated
from core.latest_question import LatestQuestion
from core.live_job import Outcome
from gimp import poor_fit_window
from gimp.drag_arguments import options_from
from gimp.drag_buttons import DragButtons
from gimp.drag_canvas import DragCanvas
from gimp.drag_controls import DragControls
from gimp.drag_picture import DragPicture
from gimp.drag_settings import DragSettings
from gimp.drag_source import DragSource, Kept
from gimp.drag_status import DragStatus
from gimp.live_layer import LiveLayer
from gimp.live_work import LiveWork
from gimp.widgets import end, text

SIZE, MOST = (1180, 800), 0.92  # pixels of the window; of what the screen has
OTHER_MODEL = _(
    "Choose or get a model of such pictures under Model and settings; or select the subject, if it is small, and "
    "choose the region around the selection."
)
PANEL = 366  # pixels that the controls are wide: as much as the settings need when they are unfolded

log = logging.getLogger("draggan.drag_window")


class DragWindow:
    """One window from its opening to Keep or Cancel."""

    def __init__(
        self, title: str, config: Gimp.ProcedureConfig, backend: Backend, source: DragSource, live: LiveLayer
    ) -> None:
        self._config, self._backend, self._source, self._live = config, backend, source, live
        self._options = options_from(config)
        self._all_the_same, self._away = False, False  # whether a poor fit is accepted; the keyboard is elsewhere
        drags, self._problem = source.drags(config.get_property("anchors"))
        self._session = DragSession(drags)
        self._from_paths = {drag.id for drag in self._session.scene.drags}
        self._gestures = Gestures(self._session, source.size)
        self._work = LiveWork(backend, source.model, self._take, self._take_model, self._end)
        self._loop = GLib.MainLoop()
        self._shown: Update | None = None
        self._result: Result | None = None
        self._as_frames, self._new_image = False, False
        self._error: BaseException | None = None
        self._regions = LatestQuestion(self._ask_region, lambda box: GLib.idle_add(self._take_region, box))
        self._build(title)

    def run(self) -> Kept:
        """Show it until the artist has done.

        Raises:
            Cancelled: by the artist; also whatever unexpected a job has met.
        """
        self._window.show_all()
        self._canvas.widget.grab_focus()
        self._begin()
        self._loop.run()
        self._leave()
        if self._error:
            raise self._error
        if self._result is None:
            raise Cancelled
        mask = self._session.scene.mask
        whole = may_move.enlarged(mask, self._source.size) if mask else None
        return Kept(self._source.subject, self._result, whole, self._as_frames, self._new_image)

    def _build(self, title: str) -> None:
        self._window = GimpUi.Dialog(title=title, role="draggan-drag")
        GimpUi.window_set_transient(self._window)
        self._window.set_type_hint(Gdk.WindowTypeHint.NORMAL)  # it can be made as large as the screen
        self._window.set_default_size(*_fitting_size())
        picture = DragPicture(self._source.subject.insertion.snapshot, self._session, self._gestures)
        self._picture = picture
        self._canvas = DragCanvas(picture, self._session, self._gestures, self._changed)
        self._controls = DragControls(self._session, self._gestures, self._changed, self._canvas.show_original)
        self._controls.connect_keys(self._window)
        self._status = DragStatus(self._begin)
        self._buttons = DragButtons(self._window, self._cancel, self._keep_it, PANEL)
        self._settings = DragSettings(
            self._window,
            self._config,
            self._backend,
            self._source.has_choice,
            self._settings_changed,
            self._read_paths,
            self._show_in_image,
        )
        self._lay_out()
        self._window.connect("response", lambda window, response: self._cancel())
        self._window.connect("delete-event", lambda window, event: True)  # which is a response, too
        self._window.connect("focus-out-event", lambda window, event: self._go_away())
        self._window.connect("focus-in-event", lambda window, event: self._come_back())

    def _lay_out(self) -> None:
        panel = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, width_request=PANEL)
        panel.pack_start(self._controls.box, False, False, 0)
        panel.pack_start(self._settings.widget, False, False, 0)
        if self._source.remark:
            log.info("remark: %s", self._source.remark)
            panel.pack_end(text(self._source.remark, width=30), False, False, 0)
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, hexpand=False)
        scrolled.add(panel)
        frame = Gtk.Frame(shadow_type=Gtk.ShadowType.IN)
        over = Gtk.Overlay()  # what went wrong must not move the picture below a hand that pulls
        over.add(self._canvas.widget)
        over.add_overlay(self._status.trouble)
        frame.add(over)
        middle = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
        middle.pack_start(frame, True, True, 0)
        middle.pack_start(scrolled, False, False, 0)
        whole = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        whole.pack_start(middle, True, True, 0)
        whole.pack_start(self._buttons.row_after(self._status.box), False, False, 0)
        self._window.get_content_area().pack_start(whole, True, True, 0)
        self._window.get_action_area().set_no_show_all(True)
        self._window.get_action_area().hide()

    # --- the job

    def _begin(self) -> None:
        """Find the picture, anew where something has changed; then what was placed is dragged."""
        if self._work.has_begun:
            self._session.begin_anew()
        self._picture.frame = None
        self._live.remove()
        self._gestures.opening_mask = self._source.selection
        self._status.tell_trouble(self._problem, goes_on=True)
        fit = {"poor_fit": "drag"} if self._all_the_same else {}
        try:
            request = self._source.subject.request([], {**self._options, **fit})
        except UserError as error:
            self._work.leave()
            self._stop(translated(error))
            return
        self._show(Update("start", 0, 0, _("Starting...")))
        self._regions.put(self._options)
        self._work.begin(request, self._session.steering())

    def _take_model(self, model: str) -> None:
        self._options = {**self._options, "model": model}
        self._config.set_property("model", model)

    def _take(self, update: Update) -> None:
        self._session.take(update)
        if self._gestures.pull:
            self._gestures.pull.take(update)
        self._show(update)

    def _show(self, update: Update) -> None:
        self._shown = update
        if update.region and update.region != self._gestures.region:
            self._take_region(update.region)
        if update.preview and update.region and self._session.can_keep:
            self._picture.frame = update.preview, update.region
            self._show_in_image()
        self._say()
        self._canvas.redraw()
        self._controls.show()
        keepable = self._session.can_keep and update.phase == "drag" and not self._work.is_finishing
        self._buttons.let_keep(keepable)

    def _say(self) -> None:
        """Show in words what goes on."""
        update = self._shown
        if update is None:
            return
        if update.phase == "unfit":
            self._status.say("")  # the question says it
        elif update.phase != "drag":
            self._status.work(update, translated(update.message))
        else:
            self._status.say(self._gestures.hint or advice(self._session, update, self._gestures.tool))

    def _end(self, outcome: Outcome) -> None:
        """The job has ended by itself."""
        self._buttons.let_keep(False)
        if isinstance(outcome, Result):
            self._result = outcome
            self._loop.quit()
        elif isinstance(outcome, Unfit):
            self._all_the_same = poor_fit_window.ask(self._source.subject.insertion.snapshot, outcome, self._window)
            if self._all_the_same:
                self._begin()
            else:
                self._settings.unfold()
                self._stop(f"{translated(outcome.sentence)} {OTHER_MODEL}")
        elif isinstance(outcome, UserError):
            log.warning("%s", outcome)
            self._stop(translated(outcome))
        elif isinstance(outcome, Cancelled):
            self._stop(_("Nothing has moved yet, so there is nothing to keep."))
        else:
            self._error = outcome
            self._loop.quit()

    def _stop(self, sentence: str) -> None:
        """Say why nothing goes on; all that was placed stays."""
        self._shown, self._gestures.pull = None, None
        self._canvas.redraw()
        self._status.say("")
        self._status.tell_trouble(sentence)

    # --- what the artist does

    def _changed(self) -> None:
        """Tell the backend what is wanted now."""
        self._work.steer(self._session.steering())
        self._controls.show()
        self._canvas.redraw()
        self._say()

    def _settings_changed(self) -> None:
        options = options_from(self._config)
        if options != self._options:
            self._options, self._all_the_same = options, False
            self._begin()

    def _show_in_image(self) -> None:
        """Show what moves in the image, too, if that is wanted."""
        if not self._config.get_property("show-in-image"):
            self._live.remove()
        elif self._picture.frame and self._loop.is_running():
            self._live.show(self._source.subject.insertion, *self._picture.frame)

    def _keep_it(self, as_frames: bool, new_image: bool) -> None:
        self._as_frames, self._new_image = as_frames, new_image
        drags = [Drag(drag.handle, drag.target, drag.via).to_json() for drag in self._session.scene.drags]
        log.info("kept by the artist; asked: %s", {"drags": drags, **self._options})
        self._work.finish()
        self._buttons.let_keep(False)

    def _cancel(self) -> None:
        log.info("cancelled by the artist")
        self._result = None
        self._loop.quit()
        self._live.remove()

    def _leave(self) -> None:
        self._regions.close()
        self._settings.leave()
        self._status.leave()
        self._canvas.leave()
        end(self._window)
        self._work.leave()

    # --- the layer and what is drawn on it

    def _read_paths(self) -> None:
        """Take the drags of the paths as they are now instead of those that they were."""
        drags, self._problem = self._source.drags(self._config.get_property("anchors"))
        self._from_paths = self._session.replace_drags(self._from_paths, drags)
        self._status.tell_trouble(self._problem, goes_on=True)
        self._changed()

    def _go_away(self) -> bool:
        self._away = True
        return False

    def _come_back(self) -> bool:
        """What has changed in GIMP meanwhile counts."""
        if not self._away:
            return False
        self._away = False
        changes, stopped = self._source.look_again(), self._shown is None
        if changes.pixels:
            self._gestures.take_layer(self._source.size)
            self._picture.take_pixels(self._source.subject.insertion.snapshot)
        if changes.paths:
            self._read_paths()
        if changes.selection:
            self._session.paint(self._source.selection or may_move.everything(self._source.size), same_step=False)
            self._changed()
        if changes.pixels or (stopped and any(changes)):
            self._begin()
        return False

    def _ask_region(self, options: dict[str, object]) -> Box | None:
        size, selected = self._source.size, self._source.selected
        return self._backend.answer(lambda connection: connection.region(size, selected, options))

    def _take_region(self, region: Box | None) -> bool:
        if region:
            self._gestures.region = region
            self._canvas.fit_again()
        return GLib.SOURCE_REMOVE


def _fitting_size() -> tuple[int, int]:
    """Return the window's size, which fits on the screen."""
    display = Gdk.Display.get_default()
    monitor = display.get_primary_monitor() or display.get_monitor(0)
    area = monitor.get_workarea()
    return min(SIZE[0], int(MOST * area.width)), min(SIZE[1], int(MOST * area.height))
