"""The filter "Drag Along Paths": the subject of a layer follows the paths drawn on it, or the mouse in a window."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from backend.client import Backend, DragRequest, Flag, Result, Unfit, Update
from backend.errors import Cancelled, UserError
from core import job
from core.drags import Drag
from core.i18n import _, translated
from gimp import again, display, motion_frames, result_layer, source_layer
from gimp.canvas import Canvas, Subject
from gimp.drag_arguments import PROCEDURE, options_from
from gimp.drag_source import DragSource, Kept
from gimp.edit_parasite import fingerprint

TITLE = _("Drag Along Paths")
DELETED = _("The layer was deleted during the drag; the result is now on top of the image.")
PAINTED = _("The layer was changed during the drag; the result shows it as it was before.")
AS_LAYER = _("There are no frames, so the result is a layer; Motion as Frames makes frames of it.")

Outcome = TypeVar("Outcome")

log = logging.getLogger("draggan")


def drag(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    layer: Gimp.Layer,
    config: Gimp.ProcedureConfig,
    backend: Backend,
    downloads: Path,
) -> Gimp.Layer:
    """Drag the subject of a layer, and insert the result.

    Args:
        downloads: a folder for files; the caller deletes it.

    Raises:
        UserError, Cancelled: there is no result, and the image is as it was.
    """
    canvas = Canvas.read(image, layer)
    # it starts, or at least gradio_client loads, while there is something else to do
    threading.Thread(target=backend.prepare, daemon=True).start()
    with_windows = run_mode != Gimp.RunMode.NONINTERACTIVE and display.init_windows(PROCEDURE)
    if run_mode == Gimp.RunMode.INTERACTIVE:
        if not with_windows:
            raise UserError(_("There is no screen to show a dialog on; run the filter non-interactively."))
        return _pull(image, layer, canvas, config, backend, downloads)
    drags = again.meant(canvas, run_mode, config)
    subject = Subject.write(image, canvas, downloads)
    # A script has chosen the model with its argument.
    last_model = canvas.parasite.model if run_mode == Gimp.RunMode.WITH_LAST_VALS else ""
    request = subject.request(drags, options_from(config))
    result = _do(subject, request, drags, last_model, backend, with_windows)
    return _keep(image, layer, subject, result, config, with_windows)


def _pull(
    image: Gimp.Image,
    layer: Gimp.Layer,
    canvas: Canvas,
    config: Gimp.ProcedureConfig,
    backend: Backend,
    downloads: Path,
) -> Gimp.Layer:
    """Have the artist pull in a window, and insert what comes of it. Raises Cancelled."""
    from gimp.drag_window import DragWindow
    from gimp.live_layer import LiveLayer

    def look() -> Canvas:
        return Canvas.read(image, layer)

    def write(canvas: Canvas) -> Subject:
        return Subject.write(image, canvas, downloads)

    live = LiveLayer(image)
    try:
        kept = DragWindow(TITLE, config, backend, DragSource(canvas, look, write), live).run()
        if not kept.as_frames:
            return _keep(image, layer, kept.subject, kept.result, config, True, live.remove)
        live.remove()
        try:
            return _insert_frames(image, layer, kept, backend, downloads)
        except (UserError, OSError) as error:  # what was pulled, perhaps for long, is not lost with its frames
            log.warning("no frames: %s", error)
            inserted = _keep(image, layer, kept.subject, kept.result, config, True)
            tell([str(error), AS_LAYER])
            return inserted
    finally:
        live.remove()


def _keep(
    image: Gimp.Image,
    layer: Gimp.Layer,
    subject: Subject,
    result: Result,
    config: Gimp.ProcedureConfig,
    with_windows: bool,
    make_way: Callable[[], None] = lambda: None,
) -> Gimp.Layer:
    """Insert the result in one undo step, ready for the drag to be done again, and tell what is to be told.

    Args:
        make_way: is called just before the new layer comes; not within the undo step, which counts as a change.
    """
    insertion, remarks = _as_it_is_now(image, layer, subject)
    goes_on, inserted = config.get_property("go-on"), result_layer.make(image, insertion, result)
    make_way()
    source_layer.require_open(image)
    image.undo_group_start()
    try:
        result_layer.insert(image, insertion, inserted, with_windows)
        drags = again.remember(result, insertion.source.offset, goes_on)
        if goes_on:
            again.go_on(image, drags, inserted)
    finally:
        image.undo_group_end()
    log.info("done: %s", dict(result.report))
    tell([*remarks, *result.remarks()])
    return inserted


def _insert_frames(image: Gimp.Image, layer: Gimp.Layer, kept: Kept, backend: Backend, downloads: Path) -> Gimp.Layer:
    """Insert the way to a result, as layers in a group."""
    insertion, remarks = _as_it_is_now(image, layer, kept.subject)
    mask = kept.mask or kept.subject.canvas.selection
    motion = motion_frames.Motion.of_result(image, insertion, kept.result, mask, motion_frames.COUNT, downloads)
    group = motion_frames.make(image, motion, backend, kept.new_image, with_windows=True)
    tell([*remarks, *kept.result.remarks()])
    return group


def _as_it_is_now(image: Gimp.Image, layer: Gimp.Layer, subject: Subject) -> tuple[result_layer.Insertion, list[str]]:
    """Return where the result goes, and what the artist is to be told of what was done to the layer meanwhile."""
    if not source_layer.is_in(image, layer):
        return subject.insertion, [DELETED] if image.is_valid() else []
    now = source_layer.SourceLayer.of(image, layer)
    painted = fingerprint(now.native) != subject.pixels
    return subject.at(now.offset).insertion, [PAINTED] if painted else []


def _do(
    subject: Subject, request: DragRequest, drags: Sequence[Drag], last_model: str, backend: Backend, with_windows: bool
) -> Result:
    """Have the backend do a request, watched in a window if there are any. Raises UserError, Cancelled."""

    def never() -> bool:
        return False

    def sent(cancelled: Flag) -> DragRequest:
        return with_model(request, last_model, backend, cancelled)

    def work(show: Callable[[Update], None], cancelled: Flag, finish_early: Flag) -> Result:
        return job.drag(backend, sent(cancelled), show, cancelled, finish_early)

    def work_if_fit(show: Callable[[Update], None], cancelled: Flag, finish_early: Flag) -> Result | Unfit:
        return job.drag_if_fit(backend, sent(cancelled), show, cancelled, finish_early)

    if not with_windows:
        return work(lambda _: None, never, never)
    return watch_if_fit(subject, drags, work_if_fit, work)


def tell(remarks: Sequence[str]) -> None:
    """Tell the artist what did not go as wished."""
    if remarks:
        log.info("told: %s", remarks)
        Gimp.message("\n".join(map(translated, remarks)))


def with_model(request: DragRequest, model: str, backend: Backend, cancelled: Flag) -> DragRequest:
    """Return the request with a model in it that a layer names, if it names one and the backend offers it.

    Raises:
        UserError, Cancelled: there is no backend to ask.
    """
    if not model or model not in backend.connect(cancelled).models:
        return request
    return dataclasses.replace(request, options={**request.options, "model": model})


def watch_if_fit(
    subject: Subject,
    drags: Sequence[Drag],
    work_if_fit: Callable[..., Result | Unfit],
    work: Callable[..., Result],
) -> Result:
    """Do the work behind a window; on a layer that the model cannot show, ask before. Raises Cancelled."""
    unfit = watch(subject, drags, work_if_fit)
    if isinstance(unfit, Result):
        return unfit
    from gimp import poor_fit_window

    if not poor_fit_window.ask(subject.insertion.snapshot, unfit):
        raise Cancelled
    return watch(subject, drags, work)


def watch(subject: Subject, drags: Sequence[Drag], work: Callable[..., Outcome]) -> Outcome:
    """Do the work behind a window that shows it."""
    from gimp import progress_window

    source = subject.canvas.source
    first = source.thumbnail(progress_window.LONGEST_SIDE)
    window = progress_window.ProgressWindow(TITLE, first, (0, 0, *source.size))
    points, targets = tuple(drag.handle for drag in drags), tuple(drag.target for drag in drags)
    return window.run(work, Update("start", 0, 0, _("Starting..."), points, targets))
