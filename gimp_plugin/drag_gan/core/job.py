"""The plug-in's jobs: what of them is the plug-in's own before the backend's client takes over. Nothing of GIMP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.client import Backend, Connection, DragRequest, Flag, Pixels, Result, Update, jobs, png
from core import logs


@dataclass(frozen=True)
class Task:
    """A drag as the plug-in asks for it.

    Attributes:
        layer: a PNG file.
        selection: one channel of the layer's size, white = may move; None = everything may.
        drags: as JSON, in layer pixels.
        options: as JSON.
        edit: the file of the edit that made the layer, which is gone on from.
        original: a PNG file of the pixels that edit began with.
    """

    layer: Path
    selection: Pixels | None
    drags: Sequence[Mapping[str, object]]
    options: Mapping[str, object]
    edit: Path | None = None
    original: Path | None = None


def work(
    backend: Backend,
    task: Task,
    folder: Path,
    show: Callable[[Update], None],
    cancelled: Flag = lambda: False,
    finish_early: Flag = lambda: False,
) -> Result:
    """Do a drag and return its result.

    Args:
        backend: found or started.
        task: the drag.
        folder: takes the selection's file.
        show: gets every update.
        cancelled: asked again and again; True ends the job without a result.
        finish_early: the same; True ends the drag where it is, with its result.

    Raises:
        as backend.client.jobs.drag does.
    """
    mask = None
    if task.selection:
        mask = folder / "selection.png"
        png.write(mask, *task.selection[:3], [task.selection.data])
    request = DragRequest(task.layer, mask, task.drags, task.options, task.edit, task.original)
    return jobs.drag(_connect(backend, show, cancelled), request, show, cancelled, finish_early)


def sample(
    backend: Backend, options: Mapping[str, object], show: Callable[[Update], None], cancelled: Flag = lambda: False
) -> Result:
    """Have the model generate an image. Raises as `work` does."""
    return jobs.sample(_connect(backend, show, cancelled), options, show, cancelled)


def thumbnails(backend: Backend, options: Mapping[str, object], cancelled: Flag) -> Iterator[Pixels]:
    """Yield thumbnails of generated images as they come. Raises as `work` does."""
    return jobs.thumbnails(backend.connect(cancelled), options, cancelled)


def _connect(backend: Backend, show: Callable[[Update], None], cancelled: Flag) -> Connection:
    """Connect, and have the plug-in's log call the job as the backend's does."""

    def tell(message: str) -> None:
        show(Update("start", 0, 0, message))

    tell("Looking for the backend...")
    connection = backend.connect(cancelled, tell)
    logs.name_job(connection.session)
    return connection
