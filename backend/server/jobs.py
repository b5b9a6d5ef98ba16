"""The jobs: from the request's files and JSON to updates and result files, one job at a time.

Inversions are remembered on disk, so that dragging the same picture again starts at once, tomorrow, too.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from backend import __version__
from backend.client.protocol import PROTOCOL
from backend.editing.editor import Editor
from backend.editing.layers import changed_part, composite_over
from backend.editing.region import Region
from backend.editing.settings import with_changes
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError
from backend.models import device, models
from backend.models.models import Offered
from backend.models.suggestion import better_model
from backend.server import protocol, resources
from backend.server.finding import find
from backend.server.frames import make_frames
from backend.server.job_queue import JobControl, JobQueue
from backend.server.job_setup import model_of, opening_of, region_of, usable
from backend.server.live import live_updates
from backend.server.log import logger
from backend.server.progress import Throttle, drag_update, load_update
from backend.server.protocol import Preview, SampleOptions, Update
from backend.server.requests import FramesJob, Job, Request
from backend.server.result_files import KEPT_SECONDS, NO_FILES, Files, ResultFiles
from backend.server.steering import SteeringSource, read_steering

SUGGESTION_SECONDS = 4.0  # after which no other model is looked at any more where the chosen one does not fit

ON_PROCESSOR = (
    "The graphics card has too little free memory for this, so the processor does it, which takes longer; closing "
    "other programs that use the card helps."
)

Updates = Iterator[tuple[Update, Files]]
Work = Callable[[JobControl], Updates]


class _FinishedDrag(NamedTuple):
    """A finished drag whose files could not be written: the editor still has it."""

    request: str  # its digest
    editor: Editor
    region: Region
    last: Update


class JobRunner:
    """Does the jobs, one at a time.

    Args:
        files: the server's own work folder, under which everything lies that this writes.
        on: the device to compute on; the best there is without it.
        cache: the folder in which inversions are remembered; without it, in memory only.
    """

    def __init__(self, files: Path, on: torch.device | None = None, cache: Path | None = None) -> None:
        self.files, self.device = ResultFiles(files), on or device.best()
        self.queue = JobQueue()
        self._editor: tuple[tuple[Any, ...], Editor] | None = None
        self._finished_drag: _FinishedDrag | None = None
        self._cache = TensorCache(cache)  # stays when the model goes

    def drag(self, request: Request) -> Updates:
        """Do a drag.

        Yields:
            (update, files); the last update has the phase "done" and comes with layer, mask and edit. It ends without
            that, within one step, when the session is forgotten.

        Raises:
            UserError: what the client can put right.
        """
        job = Job.read(request)
        work = lambda control: self._drag(request, job, control)  # noqa: E731
        yield from self._run(request.session, work, job.options.live)

    def _drag(self, request: Request, job: Job, control: JobControl) -> Updates:
        throttle, finished = Throttle(control.cancelled.is_set), self._finished_drag
        name = job.options.model or model_of(job.edit)
        yield load_update(name), NO_FILES
        editor = self._open_editor(name)
        throttle.check()
        if finished and finished.editor is editor and finished.request == request.digest():
            region, last = finished.region, finished.last
        else:
            dragged = yield from self._steps(job, editor, throttle, control)
            if dragged is None:
                return
            region, last = dragged
        throttle.check()
        yield last.model_copy(update={"phase": "compose", "message": "Putting the layer together."}), NO_FILES
        throttle.check()
        try:
            done, files = self._result(editor, region, job.options.result == "whole", control.session)
        except UserError:
            self._finished_drag = _FinishedDrag(request.digest(), editor, region, last)
            raise
        yield last.model_copy(update={"phase": "done", "message": "Done.", "result": done}), files

    def _steps(
        self, job: Job, editor: Editor, throttle: Throttle, control: JobControl
    ) -> Generator[tuple[Update, Files], None, tuple[Region, Update] | None]:
        """Open the image or go on from its edit, then drag.

        Returns:
            The region and the last update; None where the client is to be asked first, or where nothing has moved.
        """
        job = replace(job, edit=usable(job, editor))
        settings = with_changes(editor.loaded.preset.drag, job.options.drag_changes())
        region = region_of(job, editor)
        mask = job.mask if control.inbox is None else None  # who pulls is told in an update, and can paint another
        editor.check(region, job.drags, mask, settings, job.image.shape[:2])
        opening = opening_of(job, editor, region)

        def better() -> Offered | None:
            name = editor.loaded.name
            found = better_model(job.image, name, self.device, self._cache, SUGGESTION_SECONDS)
            return found.model if found else None

        for update in find(job, editor, region, opening, throttle, better):
            yield update, NO_FILES
            if update.phase == "unfit":
                return None
        region = editor.region  # where it was found
        last = Update(phase="drag")
        if control.inbox is not None:
            source = SteeringSource(control.inbox, job.drags, job.mask, job.image.shape[:2])
            control.worth_keeping = True  # hours may be in it, and no request can do it again
            for last in live_updates(editor.live_drag(source, settings), control, control.inbox, region.box):
                yield last, NO_FILES
            return (region, last.model_copy(update={"refused": None})) if editor.has_moved else None
        for step, preview in throttle.limit(editor.drag(job.drags, job.mask, settings)):
            last = drag_update(step, region.box, step.preview() if preview else None)
            yield last, NO_FILES
            if control.finish_early.is_set():
                break
        return region, last

    def _result(self, editor: Editor, region: Region, whole: bool, session: str) -> tuple[protocol.Result, Files]:
        """Put the layer together and write its files. Raises UserError when there is no room for them."""
        result = editor.result()
        rows, columns = part = changed_part(result.source, result.layer)
        layer, mask, offset = result.layer[part], result.mask[part], (region.x + columns.start, region.y + rows.start)
        next_region = region.moved_to(0, 0)  # of the layer that will hold a patch
        if whole:
            layer, next_region = composite_over(result.source[part], layer, mask, (0, 0)), region
        result = replace(result, layer=layer, mask=mask, offset=offset)
        done = protocol.Result(offset=offset, report=result.report, from_original=result.state.on_result)
        return done, self.files.write(result, next_region, session)

    def frames(self, request: Request) -> Updates:
        """Make motion frames of the edit that a layer carries; ends as drag() does. Raises UserError."""
        job = FramesJob.read(request)
        yield from self._run(request.session, lambda control: self._frames(job, control))

    def _frames(self, job: FramesJob, control: JobControl) -> Updates:
        name = job.options.model or model_of(job.edit)
        yield load_update(name), NO_FILES
        yield from make_frames(job, self._open_editor(name), self.files, control)

    def thumbnails(self, options: Any, session: str) -> Updates:
        """Make small pictures of the model's own, one update for each seed; ends as drag() does. Raises UserError."""
        asked = protocol.read_sample_options(options)
        yield from self._run(session, lambda control: self._thumbnails(asked, control))

    def _thumbnails(self, asked: SampleOptions, control: JobControl) -> Updates:
        yield load_update(asked.model), NO_FILES
        editor, throttle = self._open_editor(asked.model), Throttle(control.cancelled.is_set)
        for step, seed in enumerate(asked.seeds, start=1):
            throttle.check()
            preview = Preview.of(editor.sample(seed, asked.truncation_psi, asked.label, asked.look))
            yield Update(phase="sample", step=step, steps=len(asked.seeds), preview=preview), NO_FILES

    def sample(self, options: Any, session: str) -> Updates:
        """Make the model's picture of the first seed; the last update has the phase "done" and its files, as drag()'s.

        Its edit goes on from this picture without an inversion. Raises UserError.
        """
        asked = protocol.read_sample_options(options)
        yield from self._run(session, lambda control: self._sample(asked, control))

    def _sample(self, asked: SampleOptions, control: JobControl) -> Updates:
        yield load_update(asked.model), NO_FILES
        editor = self._open_editor(asked.model)
        editor.sample(asked.seeds[0], asked.truncation_psi, asked.label, asked.look)
        result = editor.result()
        files = self.files.write(result, result.state.region, control.session)
        done = protocol.Result(offset=result.offset, report=result.report)
        yield Update(phase="done", message="Done.", result=done), files

    def _run(self, session: str, work: Work, live: bool = False) -> Updates:
        """Do a job in its turn, and keep its result in the place of the session's earlier one."""

        def kept(control: JobControl) -> Updates:
            self.files.delete(session)
            for update, files in self._with_enough_memory(work, control):
                if update.phase == "done":
                    self.files.keep(session, update, files)
                yield update, files

        yield from self.queue.run(session, kept, live)

    def _with_enough_memory(self, work: Work, control: JobControl) -> Updates:
        """Do a job, and where the graphics card has too little memory for it, do it again on the processor."""
        card = self.device
        try:
            yield from work(control)
            return
        except RuntimeError as error:
            if card.type == "cpu" or not device.is_out_of_memory(error):
                raise
            logger.warning("Too little memory on %s, so the processor does it: %s", card, error)
        self._drop_editor()
        self.device = torch.device("cpu")
        try:
            yield Update(phase="load", message=ON_PROCESSOR), NO_FILES
            yield from work(control)
        finally:
            self.device = card

    def _open_editor(self, name: str) -> Editor:
        finished, self._finished_drag = self._finished_drag, None
        path = models.find(name)
        try:
            status = path.stat()
        except OSError as error:
            raise UserError(
                f"The file of the model {name} cannot be used ({error.strerror}); choose another model."
            ) from error
        key = (path.resolve(), status.st_mtime_ns, status.st_size)
        elsewhere = self._editor is not None and self._editor[1].device != self.device and finished is None
        if self._editor is None or self._editor[0] != key or elsewhere:
            self._editor = (key, Editor(models.open_model(name, self.device), self.device, self._cache))
        return self._editor[1]

    def steer(self, steering: Any, session: str) -> dict[str, Any]:
        """Say what is wanted of the live drag of a session. Raises UserError where there is none, or it is no sense."""
        self.queue.steer(session, read_steering(steering))
        return {}

    def forget(self, session: str) -> None:
        """End the job of a client that is gone at its next step; a result that there is already is kept for a while."""
        self.queue.leave(session)

    def health(self) -> dict[str, Any]:
        """Return what a client wants to know before it sends a job."""
        return {
            "protocol": PROTOCOL,
            "version": __version__,
            "device": str(self.device),
            "busy": self.queue.busy,
            "models": [
                {"name": model.name, "title": model.title, "height": model.size[0], "width": model.size[1]}
                for model in models.offered()
                if model.size is not None
            ],
        }

    def resources(self) -> dict[str, Any]:
        """Return what the backend uses of this computer."""
        return resources.look(self.device, self._cache.folder).model_dump(mode="json")

    def clear_cache(self) -> None:
        """Forget what was found of pictures. Raises UserError while a job needs it, or where a file stays."""
        if self.queue.busy:
            raise UserError("The backend is at work; clear the cache when it is done.")
        try:
            self._cache.clear()
        except OSError as error:
            raise UserError(f"{error.filename} cannot be deleted ({error.strerror}); mend that.") from error

    def free(self) -> None:
        """Give back the memory of the model, unless a job is using it, or a drag waits for room on the disk."""
        with self.queue.paused() as free:
            waits = self._finished_drag is not None and self.queue.seconds_rested < KEPT_SECONDS
            if not free or self._editor is None or waits:
                return
            self._drop_editor()
            logger.info("The model's memory has been given back")

    def _drop_editor(self) -> None:
        self._editor = self._finished_drag = None
        gc.collect()  # what failed may still hold tensors in a cycle
        device.give_back()
