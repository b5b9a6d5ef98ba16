"""The jobs: from the request's files and JSON to updates and result files, one job at a time.

Inversions are remembered on disk, so that dragging the same picture again starts at once, tomorrow, too.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend import __version__, pictures
from backend.client.protocol import PROTOCOL
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.layers import changed_part, composite_over
from backend.editing.points import Drag, check_drags
from backend.editing.region import LAYER, Region, box_around, choose_region
from backend.editing.settings import with_changes
from backend.editing.steps import EditResult
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError
from backend.models import device, models
from backend.server import protocol
from backend.server.job_queue import JobControl, JobQueue
from backend.server.log import logger
from backend.server.progress import Throttle, drag_update, inversion_update
from backend.server.protocol import Options, Preview, SampleOptions, Update

Files = tuple[str | None, str | None, str | None]
NO_FILES: Files = (None, None, None)


@dataclass(frozen=True)
class Request:
    """What a client sent, not looked at yet, and the session it came in."""

    image: Path | None
    mask: Path | None
    edit: Path | None
    original: Path | None
    drags: Any
    options: Any
    protocol: Any
    session: str


@dataclass(frozen=True)
class Job:
    """A request that was understood. image: uint8 [H, W, 4]; mask: uint8 [H, W], 255 = may move, or None.

    edit: what made the image, to go on from if it can be.  original: uint8 [h, w, 4], the pixels it began with.
    """

    image: np.ndarray
    mask: np.ndarray | None
    edit: EditState | None
    original: np.ndarray | None
    drags: list[Drag]
    options: Options

    @classmethod
    def read(cls, request: Request) -> Job:
        """Check and decode; raises UserError."""
        protocol.check_protocol(request.protocol)
        drags, options = protocol.read_drags(request.drags), protocol.read_options(request.options)
        check_drags(drags)
        image = pictures.read_image(request.image)
        mask = pictures.read_mask(request.mask, image.shape[:2])
        return cls(image, mask, _read_edit(request.edit), _read_original(request.original), drags, options)


class JobRunner:
    """Does the jobs. Everything it writes lies under `files`, which is the server's own temporary folder."""

    def __init__(self, files: Path, on: torch.device | None = None, cache: Path | None = None) -> None:
        """cache: the folder in which inversions are remembered; without it, in memory only."""
        self.files, self.device = files, on or device.best()
        self.queue = JobQueue()
        self._editor: tuple[tuple[Any, ...], Editor] | None = None
        self._cache = TensorCache(cache)  # stays when the model goes

    def drag(self, request: Request) -> Iterator[tuple[Update, Files]]:
        """Do the job; the last update has the phase "done" and comes with layer, mask and edit files.

        Ends without it, within one step, when the session is forgotten. Raises UserError for what the client
        can put right.
        """
        job = Job.read(request)
        yield from self.queue.run(request.session, lambda control: self._work(job, control))

    def _work(self, job: Job, control: JobControl) -> Iterator[tuple[Update, Files]]:
        throttle = Throttle(control.cancelled.is_set)
        yield Update(phase="load", message=f"Opening the model {job.options.model}."), NO_FILES
        editor = self._open_editor(job.options.model)
        throttle.check()
        job = replace(job, edit=_usable(job, editor))
        preset, options = editor.loaded.preset, job.options
        settings = with_changes(preset.drag, options.drag_changes())
        inversion = with_changes(preset.inversion, {"steps": options.inversion_steps})
        region = _region(job, editor)
        editor.check(region, job.drags, job.mask, settings, job.image.shape[:2])
        box = (region.x, region.y, region.width, region.height)

        if job.edit is not None:
            editor.open_state(job.edit, job.image, job.original)
        else:
            for step, preview in throttle.limit(editor.open_steps(job.image, region, inversion)):
                yield inversion_update(step, box, preview), NO_FILES
        last = Update(phase="drag")
        for step, preview in throttle.limit(editor.drag(job.drags, job.mask, settings)):
            last = drag_update(step, job.drags, box, preview)
            yield last, NO_FILES
            if control.finish_early.is_set():
                break
        throttle.check()
        yield last.model_copy(update={"phase": "compose", "message": "Putting the layer together."}), NO_FILES
        throttle.check()
        result = editor.result()
        rows, columns = part = changed_part(result.source, result.layer)
        layer, mask, offset = result.layer[part], result.mask[part], (region.x + columns.start, region.y + rows.start)
        next_region = replace(region, x=0, y=0)  # of the layer that will hold a patch
        if options.result == "whole":
            layer, next_region = composite_over(result.source[part], layer, mask, (0, 0)), region
        result = replace(result, layer=layer, mask=mask, offset=offset)
        done = protocol.Result(offset=offset, report=result.report, from_original=result.state.on_result)
        files = self._write(result, next_region, control.session)
        yield last.model_copy(update={"phase": "done", "message": "Done.", "result": done}), files

    def thumbnails(self, options: Any, session: str) -> Iterator[tuple[Update, Files]]:
        """Small pictures of the model's own, one update for each seed; ends as drag() does. Raises UserError."""
        asked = protocol.read_sample_options(options)
        yield from self.queue.run(session, lambda control: self._thumbnails(asked, control))

    def _thumbnails(self, asked: SampleOptions, control: JobControl) -> Iterator[tuple[Update, Files]]:
        yield Update(phase="load", message=f"Opening the model {asked.model}."), NO_FILES
        editor, throttle = self._open_editor(asked.model), Throttle(control.cancelled.is_set)
        for step, seed in enumerate(asked.seeds, start=1):
            throttle.check()
            preview = Preview.of(editor.sample(seed, asked.truncation_psi, asked.label))
            yield Update(phase="sample", step=step, steps=len(asked.seeds), preview=preview), NO_FILES

    def sample(self, options: Any, session: str) -> Iterator[tuple[Update, Files]]:
        """The model's picture of the first seed; the last update has the phase "done" and its files, as drag()'s.

        Its edit goes on from this picture without an inversion. Raises UserError.
        """
        asked = protocol.read_sample_options(options)
        yield from self.queue.run(session, lambda control: self._sample(asked, control))

    def _sample(self, asked: SampleOptions, control: JobControl) -> Iterator[tuple[Update, Files]]:
        yield Update(phase="load", message=f"Opening the model {asked.model}."), NO_FILES
        editor = self._open_editor(asked.model)
        editor.sample(asked.seeds[0], asked.truncation_psi, asked.label)
        result = editor.result()
        files = self._write(result, result.state.region, control.session)
        done = protocol.Result(offset=result.offset, report=result.report)
        yield Update(phase="done", message="Done.", result=done), files

    def _open_editor(self, name: str) -> Editor:
        path = models.find(name)
        status = path.stat()
        key = (path.resolve(), status.st_mtime_ns, status.st_size)
        if self._editor is None or self._editor[0] != key:
            self._editor = (key, Editor(models.open_model(name, self.device), self.device, self._cache))
        return self._editor[1]

    def _write(self, result: EditResult, next_region: Region, session: str) -> Files:
        """Result files of the session's latest job; those of its earlier ones go.

        next_region: where the model's image will lie on the layer that the artist gets, for its next edit.
        """
        folder = self._results(session)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        place = Path(tempfile.mkdtemp(dir=folder))
        edit = place / "edit.safetensors"
        result.state.continued(next_region).save(edit)
        layer, mask = place / "layer.png", place / "mask.png"
        return pictures.write_plain(layer, result.layer), pictures.write_plain(mask, result.mask), str(edit)

    def _results(self, session: str) -> Path:
        # A session's name comes from the client: only its letters and digits go into a path.
        return self.files / "results" / ("s" + "".join(filter(str.isalnum, session))[:64])

    def forget(self, session: str) -> None:
        """The client of `session` is gone: its job ends at its next step, its result files are deleted."""
        self.queue.cancel(session)
        shutil.rmtree(self._results(session), ignore_errors=True)

    def health(self) -> dict[str, Any]:
        """What a client wants to know before it sends a job."""
        return {
            "protocol": PROTOCOL,
            "version": __version__,
            "device": str(self.device),
            "busy": self.queue.busy,
            "models": [{"name": name, "height": size[0], "width": size[1]} for name, size in models.sizes().items()],
        }

    def region(self, layer_size: Any, selected: Any, options: Any) -> dict[str, Any]:
        """The box of the layer that a drag with these options would show to the model; None when it is not known yet.

        layer_size: [width, height]; selected: the box around what is selected, or None. Raises UserError.
        """
        place, chosen = protocol.read_place(layer_size, selected), protocol.read_options(options)
        model_size = models.sizes().get(chosen.model)
        if model_size is None:  # a file that was not opened yet
            return {"region": None}
        width, height = place.layer_size
        region = choose_region((height, width), model_size, place.selected, chosen.region)
        return {"region": [region.x, region.y, region.width, region.height]}

    def free(self) -> None:
        """Give back the memory of the model, unless a job is using it."""
        with self.queue.paused() as free:
            if not free or self._editor is None:
                return
            self._editor = None
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            logger.info("The model's memory has been given back")

    def sweep(self) -> None:
        """Delete every file of earlier jobs; only when nobody is connected."""
        for entry in self.files.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _read_edit(file: Path | None) -> EditState | None:
    """The edit that a layer carries. One that cannot be read costs an inversion: the artist could not mend it."""
    try:
        return EditState.load(file) if file else None
    except UserError as error:
        logger.info("The layer's edit is left aside: %s", error)
        return None


def _read_original(file: Path | None) -> np.ndarray | None:
    """The pixels that the edit began with. Without them, it goes on from the image's own."""
    try:
        return pictures.read_image(file) if file else None
    except UserError as error:
        logger.info("The layer that the edit began with is left aside: %s", error)
        return None


def _usable(job: Job, editor: Editor) -> EditState | None:
    """The job's edit if this drag can go on from it: with its model, where it was made, for all that is to be moved."""
    edit = job.edit
    if edit is None or job.options.region != LAYER:
        return None
    try:
        edit.region.check_inside(job.drags)
        edit.check_image(editor.model, job.image)
    except UserError as error:
        logger.info("The layer's edit is left aside: %s", error)
        return None
    return edit


def _region(job: Job, editor: Editor) -> Region:
    if job.edit is not None:
        return job.edit.region
    size = job.image.shape[:2]
    return choose_region(size, editor.generator.image_size, box_around(job.mask), job.options.region)
