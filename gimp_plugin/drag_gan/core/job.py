"""The plug-in's jobs: what of them is the plug-in's own before the backend's client takes over. Nothing of GIMP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from backend.client import (
    Backend,
    Connection,
    DragRequest,
    Flag,
    Frames,
    FramesRequest,
    Pixels,
    Result,
    Unfit,
    Update,
    jobs,
    png,
)
from core import logs
from core.i18n import _


def write_mask(selection: Pixels | None, folder: Path) -> Path | None:
    """Write a selection of one channel, white = may move, as a PNG file. Returns None where there is none."""
    if not selection:
        return None
    file = folder / "selection.png"
    png.write(file, *selection[:3], [selection.data])
    return file


def drag(
    backend: Backend,
    request: DragRequest,
    show: Callable[[Update], None],
    cancelled: Flag = lambda: False,
    finish_early: Flag = lambda: False,
) -> Result:
    """Do a drag and return its result; `backend` is found or started, the rest is as in backend.client.jobs.drag."""
    return jobs.drag(connect(backend, show, cancelled), request, show, cancelled, finish_early)


def drag_if_fit(
    backend: Backend,
    request: DragRequest,
    show: Callable[[Update], None],
    cancelled: Flag = lambda: False,
    finish_early: Flag = lambda: False,
) -> Result | Unfit:
    """Do a drag unless the model cannot show the layer. Otherwise as `drag`."""
    return jobs.drag_if_fit(connect(backend, show, cancelled), request, show, cancelled, finish_early)


def frames(
    backend: Backend, request: FramesRequest, show: Callable[[Update], None], cancelled: Flag = lambda: False
) -> Frames:
    """Have motion frames of an edit made. Raises as `drag` does."""
    return jobs.frames(connect(backend, show, cancelled), request, show, cancelled)


def sample(
    backend: Backend, options: Mapping[str, object], show: Callable[[Update], None], cancelled: Flag = lambda: False
) -> Result:
    """Have the model generate an image. Raises as `drag` does."""
    return jobs.sample(connect(backend, show, cancelled), options, show, cancelled)


def thumbnails(backend: Backend, options: Mapping[str, object], cancelled: Flag) -> Iterator[Pixels]:
    """Yield thumbnails of generated images as they come. Raises as `drag` does."""
    return jobs.thumbnails(backend.connect(cancelled), options, cancelled)


def connect(backend: Backend, show: Callable[[Update], None], cancelled: Flag) -> Connection:
    """Connect, and have the plug-in's log call the job as the backend's does."""

    def tell(message: str) -> None:
        show(Update("start", 0, 0, message))

    tell(_("Looking for the backend..."))
    connection = backend.connect(cancelled, tell)
    logs.name_job(connection.session)
    return connection
