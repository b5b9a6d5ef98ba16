"""The plug-in's jobs: what of them is the plug-in's own before the backend's client takes over. Nothing of GIMP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.client import Backend, Connection, DragRequest, Flag, Pixels, Result, Update, jobs, png
from core import logs


@dataclass(frozen=True)
class Task:
    """All that the backend must know: the layer as a PNG file; the selection in layer pixels, white = may move.

    edit: what the layer carries of the edit that made it, as a file.  original: the pixels it began with, as PNG.
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
    enough: Flag = lambda: False,
) -> Result:
    """Do the whole task and return its result; `show` gets every update, `folder` takes the selection's file.

    Raises as backend.client.jobs.drag does.
    """
    mask = None
    if task.selection:
        mask = folder / "selection.png"
        png.write(mask, *task.selection[:3], [task.selection.data])
    request = DragRequest(task.layer, mask, task.drags, task.options, task.edit, task.original)
    return jobs.drag(_connect(backend, show, cancelled), request, show, cancelled, enough)


def sample(
    backend: Backend, options: Mapping[str, object], show: Callable[[Update], None], cancelled: Flag = lambda: False
) -> Result:
    """Have the model make a picture of its own. Raises as `work` does."""
    return jobs.sample(_connect(backend, show, cancelled), options, show, cancelled)


def thumbnails(backend: Backend, options: Mapping[str, object], cancelled: Flag) -> Iterator[Pixels]:
    """Small pictures of the model's own, as they come. Raises as `work` does."""
    return jobs.thumbnails(backend.connect(cancelled), options, cancelled)


def _connect(backend: Backend, show: Callable[[Update], None], cancelled: Flag) -> Connection:
    """Connect, and have the plug-in's log call the job as the backend's does."""

    def tell(message: str) -> None:
        show(Update("start", 0, 0, message))

    tell("Looking for the backend...")
    connection = backend.connect(cancelled, tell)
    logs.name_job(connection.session)
    return connection
