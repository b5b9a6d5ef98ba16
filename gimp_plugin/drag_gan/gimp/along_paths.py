"""The filter "Drag Along Paths": the subject of a layer follows the paths drawn on it."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from backend.client import Backend, DragRequest, Flag, Result, Unfit, Update
from backend.errors import Cancelled, UserError
from core import job, sketch
from core.drags import Drag, drags_from_strokes
from core.i18n import _, told
from gimp import display, result_layer, source_layer
from gimp.canvas import Canvas
from gimp.drag_arguments import PROCEDURE, options_from

DELETED = _("The layer was deleted during the drag; the result is now on top of the image.")

Outcome = TypeVar("Outcome")

log = logging.getLogger("draggan")


class Request(NamedTuple):
    """What is asked of the backend, and how its result will be inserted."""

    sent: DragRequest
    drags: list[Drag]
    insertion: result_layer.Insertion

    @classmethod
    def write(cls, image: Gimp.Image, canvas: Canvas, config: Gimp.ProcedureConfig, folder: Path) -> Request:
        """Copy the pixels, and write them and the layer's edit into a folder.

        Raises:
            UserError: what was chosen does not fit to the image.
        """
        source, parasite = canvas.source, canvas.parasite
        drags = drags_from_strokes(canvas.strokes, source.offset, source.size, config.get_property("anchors"))
        if config.get_property("region") == "selection" and canvas.selection is None:
            raise UserError(
                _("Nothing is selected to work around; select the subject, or choose the whole layer as the region.")
            )
        snapshot, file = source.snapshot(), folder / "layer.png"
        as_patch = source_layer.write_png(snapshot, file) and source.can_be_covered(parasite.own_mask)
        if not as_patch:
            source.require_hideable()
        options = {**options_from(config), "result": "patch" if as_patch else "whole"}
        asked = [drag.to_json() for drag in drags]
        log.info("asked: %s", {"drags": asked, **options})
        mask = job.write_mask(canvas.selection, folder)
        request = DragRequest(file, mask, asked, options, *parasite.write(image, folder))
        return cls(
            request, drags, result_layer.Insertion(source, snapshot, as_patch, parasite.own_mask, parasite.origin)
        )


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
        ask(procedure, config, canvas, backend)
        canvas = Canvas.read(image, layer)  # everything can have changed while the dialog was open
    request = Request.write(image, canvas, config, downloads)
    # A script has chosen the model with its argument, an artist in the dialog, where there was one.
    last_model = canvas.parasite.model if run_mode == Gimp.RunMode.WITH_LAST_VALS else ""
    result = _do(request, last_model, backend, with_windows)
    inserted = result_layer.insert(image, request.insertion, result, with_windows)
    log.info("done: %s", dict(result.report))
    tell(result, deleted=not source_layer.is_in(image, layer))
    return inserted


def _do(request: Request, last_model: str, backend: Backend, with_windows: bool) -> Result:
    """Have the backend do a request, watched in a window if there are any. Raises UserError, Cancelled."""

    def never() -> bool:
        return False

    def sent(cancelled: Flag) -> DragRequest:
        return with_model(request.sent, last_model, backend, cancelled)

    def work(show: Callable[[Update], None], cancelled: Flag, finish_early: Flag) -> Result:
        return job.drag(backend, sent(cancelled), show, cancelled, finish_early)

    def work_if_fit(show: Callable[[Update], None], cancelled: Flag, finish_early: Flag) -> Result | Unfit:
        return job.drag_if_fit(backend, sent(cancelled), show, cancelled, finish_early)

    return watch_if_fit(request, work_if_fit, work) if with_windows else work(lambda _: None, never, never)


def tell(result: Result, deleted: bool) -> None:
    """Tell the artist which points did not reach their targets, and whether the layer was deleted meanwhile."""
    remarks = [*([DELETED] if deleted else []), *map(told, result.remarks())]
    if remarks:
        log.info("told: %s", remarks)
        Gimp.message("\n".join(remarks))


def with_model(request: DragRequest, model: str, backend: Backend, cancelled: Flag) -> DragRequest:
    """Return the request with a model in it that a layer names, if it names one and the backend offers it.

    Raises:
        UserError, Cancelled: there is no backend to ask.
    """
    if not model or model not in backend.connect(cancelled).models:
        return request
    return dataclasses.replace(request, options={**request.options, "model": model})


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, canvas: Canvas, backend: Backend) -> None:
    """Show the dialog; the backend starts meanwhile. Raises Cancelled."""
    from gimp import dialog

    shown = canvas.sketch()

    def fetch_region(options: Mapping[str, object]) -> sketch.Box | None:
        return backend.answer(lambda connection: connection.region(shown.size, shown.selected, options))

    questions = dialog.Questions(backend, fetch_region, options_from)
    if not dialog.ask(procedure, config, shown, canvas.parasite, questions):
        raise Cancelled


def watch_if_fit(request: Request, work_if_fit: Callable[..., Result | Unfit], work: Callable[..., Result]) -> Result:
    """Do the work behind a window; on a layer that the model cannot show, ask before. Raises Cancelled."""
    unfit = watch(request, work_if_fit)
    if isinstance(unfit, Result):
        return unfit
    from gimp import poor_fit_window

    log.info("unfit: %s", unfit.sentence)
    layer = source_layer.thumbnail(request.insertion.snapshot, unfit.region, poor_fit_window.SIDE)
    if not poor_fit_window.ask(layer, unfit):
        log.info("cancelled by the artist, because of the fit")
        raise Cancelled
    return watch(request, work)


def watch(request: Request, work: Callable[..., Outcome]) -> Outcome:
    """Do the work behind a window that shows it."""
    from gimp import progress_window

    source, drags = request.insertion.source, request.drags
    first = source.thumbnail(progress_window.LONGEST_SIDE)
    window = progress_window.ProgressWindow(_("Drag Along Paths"), first, (0, 0, *source.size))
    points, targets = tuple(drag.handle for drag in drags), tuple(drag.target for drag in drags)
    return window.run(work, Update("start", 0, 0, _("Starting..."), points, targets))
