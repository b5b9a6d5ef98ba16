"""One drag job: send it, follow its updates to the end, notice a dead backend. Knows nothing of GIMP."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import logs, png
from core.problems import Cancelled, Fault, Problem
from core.service import PROTOCOL, Asked, Backend, Connection
from core.updates import Result, Update

POLL_SECONDS = 0.03
WAIT_SECONDS = 0.5  # every job is in the queue for a moment

log = logging.getLogger("draggan.job")


@dataclass(frozen=True)
class Task:
    """All that the backend must know: the layer as a PNG file; the selection in layer pixels, white = may move.

    edit: what the layer carries of the edit that made it, as a file.  original: the pixels it began with, as PNG.
    """

    layer: Path
    selection: png.Pixels | None
    drags: Sequence[Mapping[str, object]]
    options: Mapping[str, object]
    edit: Path | None = None
    original: Path | None = None


def work(
    backend: Backend,
    task: Task,
    folder: Path,
    show: Callable[[Update], None],
    cancelled: Asked = lambda: False,
    enough: Asked = lambda: False,
) -> Result:
    """Do the whole task and return its result; `show` gets every update, `folder` takes the files.

    Once there is `enough`, the drag ends where it is, and that is the result.
    Raises Problem with the backend's own sentence or with what happened to it, Cancelled when asked to stop.
    """
    return _done(backend, lambda client: _submit(client, task, folder), show, cancelled, enough)


def sample(
    backend: Backend, options: Mapping[str, object], show: Callable[[Update], None], cancelled: Asked = lambda: False
) -> Result:
    """Have the model make a picture of its own. Raises as `work` does."""
    return _done(backend, lambda client: client.submit(dict(options), api_name="/sample"), show, cancelled)


def thumbnails(backend: Backend, options: Mapping[str, object], cancelled: Asked) -> Iterator[png.Pixels]:
    """Small pictures of the model's own, as they come. Raises as `work` does."""
    connection = backend.connect(cancelled)
    running = connection.client.submit(dict(options), api_name="/thumbnails")
    for update in stream(running, connection, backend.installation.log_file, cancelled):
        if update.preview:
            yield update.preview
    log.info("thumbnails have come: %s", options)


def _done(
    backend: Backend,
    submit: Callable[[Any], Any],
    show: Callable[[Update], None],
    cancelled: Asked,
    enough: Asked = lambda: False,
) -> Result:
    """Connect, submit a job and follow it to its result."""

    def tell(message: str) -> None:
        show(Update("start", 0, 0, message))

    tell("Looking for the backend...")
    connection = backend.connect(cancelled, tell)
    logs.name_job(connection.client.session_hash)
    result, phase = None, ""
    running = submit(connection.client)
    for update in stream(running, connection, backend.installation.log_file, cancelled, enough):
        if update.phase != phase:
            phase = update.phase
            log.info("phase %s", phase)
        result = update.result or result
        show(update)
    if result is None:
        raise _gone(backend.installation.log_file)
    return replace(result, kept=enough())


def stream(
    job: Any, connection: Connection, log_file: Path, cancelled: Asked, enough: Asked = lambda: False
) -> Iterator[Update]:
    """Yield the updates of a gradio_client job until the last. Raises as `work` does."""
    seen, said, told, started = 0, False, None, time.monotonic()
    while True:
        over = job.done()  # asked before the outputs, or the last of them could be missed
        outputs = job.outputs()
        for output in outputs[seen:]:
            yield _understand(output, connection, log_file)
        seen = len(outputs)
        if over:
            break
        place = None if seen or time.monotonic() - started < WAIT_SECONDS else _place_in_queue(job)
        if place is not None and place != told:
            told = place
            yield Update("wait", 0, 0, _waiting(place))
        if cancelled():
            _cancel(job)
            raise Cancelled
        if enough() and not said:
            said = True
            connection.keep()
        time.sleep(POLL_SECONDS)
    _raise_failure(job, connection, log_file)


def _place_in_queue(job: Any) -> int | None:
    """How many other jobs wait before this one; None when it does not wait any more."""
    status = job.status()
    return status.rank if status.code.name == "IN_QUEUE" else None


def _waiting(ahead: int) -> str:
    """What is said to who waits: the backend does one drag at a time, and before this one `ahead` others wait."""
    if ahead == 0:
        return "The backend is busy with another drag; this one comes next..."
    return f"The backend is busy; {ahead + 1} other drags come before this one..."


def _submit(client: Any, task: Task, folder: Path) -> Any:
    from gradio_client import handle_file

    mask = None
    if task.selection:
        mask = folder / "selection.png"
        png.write(mask, *task.selection[:3], [task.selection.data])
    files = handle_file(str(task.layer)), handle_file(str(mask)) if mask else None
    edit = handle_file(str(task.edit)) if task.edit else None
    original = handle_file(str(task.original)) if task.original else None
    return client.submit(*files, list(task.drags), dict(task.options), edit, PROTOCOL, original, api_name="/drag")


def _understand(output: Sequence[Any], connection: Connection, log_file: Path) -> Update:
    import httpx

    try:
        return Update.from_wire(output, connection.fetch)
    except httpx.HTTPError as error:
        raise _gone(log_file) from error
    except OSError as error:
        raise Fault(
            f"The result cannot be stored in {connection.downloads} ({error.strerror}); make room there, and run the "
            "filter again."
        ) from error
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        log.exception("update not understood")
        raise Fault(
            "The backend's answer was not understood; update plug-in and backend by running install.py."
        ) from error


def _cancel(job: Any) -> None:
    try:
        job.cancel()
    except Exception as error:  # the backend notices a client that goes away, so nothing is lost
        log.info("cancel: %r", error)


def _raise_failure(job: Any, connection: Connection, log_file: Path) -> None:
    """Raise what ended the job early. A killed or hung server shows itself as CancelledError (measured)."""
    from gradio_client.exceptions import AppError

    try:
        error = job.exception()
    except CancelledError as cancelled:
        error = cancelled
    if error is None:
        return
    log.error("job: %r", error)
    if isinstance(error, AppError):
        raise _told(str(error), log_file) from error
    if connection.is_open():
        raise Fault(
            f"The backend has stopped answering; end its process, {connection.pid}, and run the filter again.", log_file
        ) from error
    raise _gone(log_file) from error


def _told(text: str, log_file: Path) -> Problem:
    """The backend's own sentence, or a better one than gradio's about hidden errors and a stopped server."""
    if "verbose error reporting" in text:
        return Fault("The backend met an unexpected error; please report it.", log_file)
    return _gone(log_file) if "erver stopped" in text else Problem(text)


def _gone(log_file: Path) -> Fault:
    return Fault(
        "The backend ended in the middle of the work and the image was left as it was; "
        "run the filter again, which starts it anew.",
        log_file,
    )
