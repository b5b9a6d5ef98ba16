"""Jobs as their client sees them: send one, follow its progress, notice a dead backend, fetch the result."""

from __future__ import annotations

import contextlib
import logging
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Any

from backend.client.connection import Connection
from backend.client.png import Pixels
from backend.client.progress import Frames, Result, Unfit, Update
from backend.client.protocol import PROTOCOL, DragRequest, Flag, FramesRequest
from backend.errors import Cancelled, UserError

POLL_SECONDS = 0.03
WAIT_SECONDS = 0.5  # every job is in the queue for a moment

log = logging.getLogger("draggan.client")
Show = Callable[[Update], None]


def drag(
    connection: Connection,
    request: DragRequest,
    show: Show,
    cancelled: Flag = lambda: False,
    finish_early: Flag = lambda: False,
) -> Result:
    """Do a drag and return its result, whose files are in the connection's folder.

    Args:
        show: gets every update.
        cancelled: whether the drag is to end without a result.
        finish_early: whether the drag is to end where it is, with that as its result.

    Raises:
        UserError: the backend's own sentence, or what happened to it.
        Cancelled: `cancelled` was true.
    """
    return _result(connection, submit(connection.client, request), show, cancelled, finish_early)


def drag_if_fit(
    connection: Connection,
    request: DragRequest,
    show: Show,
    cancelled: Flag = lambda: False,
    finish_early: Flag = lambda: False,
) -> Result | Unfit:
    """Do a drag unless the model cannot show the layer; then nothing has moved. Otherwise as `drag`."""
    asked = replace(request, options={**request.options, "poor_fit": "ask"})
    last = last_update(connection, submit(connection.client, asked), show, cancelled, finish_early)
    return unfit_of(last) or result_of(last, connection, finish_early)


def sample(
    connection: Connection, options: Mapping[str, object], show: Show, cancelled: Flag = lambda: False
) -> Result:
    """Have the model make an image of its own. Options as `SampleOptions` of the backend; otherwise as `drag`."""
    job = connection.client.submit(dict(options), api_name="/sample")
    return _result(connection, job, show, cancelled, lambda: False)


def thumbnails(connection: Connection, options: Mapping[str, object], cancelled: Flag) -> Iterator[Pixels]:
    """Yield small images of the model's own as they come. Raises as `drag` does."""
    job = connection.client.submit(dict(options), api_name="/thumbnails")
    for update in follow(connection, job, cancelled):
        if update.preview:
            yield update.preview
    log.info("thumbnails have come: %s", options)


def frames(connection: Connection, request: FramesRequest, show: Show, cancelled: Flag = lambda: False) -> Frames:
    """Make motion frames of an edit; their file is in the connection's folder. Raises as `drag` does."""
    layer, mask, edit, original = _uploads(request)
    sent = layer, mask, dict(request.options), edit, PROTOCOL, original
    job = connection.client.submit(*sent, api_name="/frames")
    last = last_update(connection, job, show, cancelled, lambda: False)
    if last is None or last.frames is None:
        raise connection_lost(connection)
    return last.frames


def follow(connection: Connection, job: Any, cancelled: Flag, finish_early: Flag = lambda: False) -> Iterator[Update]:
    """Yield the updates of a job, a gradio_client Job, until the last. Raises as `drag` does."""
    begun, asked, last_ahead, started = False, False, None, time.monotonic()
    while True:
        over = job.done()  # asked before the outputs, or the last of them could be missed
        for output in _taken(job):
            begun = True
            yield _understand(output, connection)
        if over:
            break
        ahead = None if begun or time.monotonic() - started < WAIT_SECONDS else _jobs_ahead(job)
        if ahead is not None and ahead != last_ahead:
            last_ahead = ahead
            yield Update("wait", 0, 0, _waiting(ahead))
        if cancelled():
            _cancel(job)
            raise Cancelled
        if finish_early() and not asked:
            asked = True
            connection.finish_early()
        time.sleep(POLL_SECONDS)
    error = _failure(job)
    if error is not None:
        yield _result_again(error, connection, begun)


def _result(connection: Connection, job: Any, show: Show, cancelled: Flag, finish_early: Flag) -> Result:
    return result_of(last_update(connection, job, show, cancelled, finish_early), connection, finish_early)


def last_update(connection: Connection, job: Any, show: Show, cancelled: Flag, finish_early: Flag) -> Update | None:
    """Show the updates of a job to its end; return the last, None where there was none. Raises as `drag` does."""
    last = None
    for update in follow(connection, job, cancelled, finish_early):
        if last is None or update.phase != last.phase:
            log.info("phase %s", update.phase)
        show(update)
        last = update
    return last


def unfit_of(last: Update | None) -> Unfit | None:
    """Return what a job says that ended because the model cannot show the layer; None of another."""
    if last and last.phase == "unfit" and last.preview and last.region:
        return Unfit(last.message, last.preview, last.region, last.better_model)
    return None


def result_of(last: Update | None, connection: Connection, finish_early: Flag) -> Result:
    """Return the result in the last update of a job. Raises UserError where it has none."""
    if last is None or last.result is None:
        raise connection_lost(connection)
    return replace(last.result, finished_early=finish_early())


def _taken(job: Any) -> list[Any]:
    """Return the outputs since the last time. gradio_client would keep them all, twice: a live drag has thousands."""
    outputs, unread = job.outputs(), job.communicator.updates
    with job.communicator.lock:
        taken = list(outputs)
        outputs.clear()
        while not unread.empty():
            unread.get_nowait()
    return taken


def _jobs_ahead(job: Any) -> int | None:
    """How many other jobs wait before this one; None when it does not wait any more."""
    status = job.status()
    return status.rank if status.code.name == "IN_QUEUE" else None


def _waiting(ahead: int) -> str:
    """What is said to who waits: the backend does one job at a time, and before this one `ahead` others wait."""
    if ahead == 0:
        return "The backend is busy with another job; this one comes next..."
    return f"The backend is busy; {ahead + 1} other jobs come before this one..."


def submit(client: Any, request: DragRequest) -> Any:
    """Send a drag job; return gradio_client's Job."""
    layer, mask, edit, original = _uploads(request)
    drags, options = list(request.drags), dict(request.options)
    return client.submit(layer, mask, drags, options, edit, PROTOCOL, original, api_name="/drag")


def _uploads(request: DragRequest | FramesRequest) -> list[Any]:
    """The files of a request as gradio_client sends them: layer, mask, edit, original."""
    from gradio_client import handle_file

    files = request.layer, request.mask, request.edit, request.original
    return [handle_file(str(file)) if file else None for file in files]


def _understand(output: Sequence[Any], connection: Connection) -> Update:
    import httpx

    try:
        return Update.from_output(output, connection.fetch)
    except httpx.HTTPError as error:
        raise connection_lost(connection) from error
    except OSError as error:
        raise UserError(
            f"The result cannot be stored in {connection.downloads} ({error.strerror}); make room there, and try again."
        ) from error
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        log.exception("update not understood")
        raise UserError(
            "The backend's answer was not understood; update plug-in and backend by running install.py."
        ) from error


def _cancel(job: Any) -> None:
    while job.communicator.event_id is None and not job.done():  # what is not in the queue yet cannot be cancelled
        time.sleep(POLL_SECONDS)
    try:
        job.cancel()
    except Exception as error:  # the backend notices a client that goes away, so nothing is lost
        log.info("cancel: %r", error)


def _failure(job: Any) -> BaseException | None:
    """What ended a job early. A killed or hung server, and a broken connection, show as CancelledError (measured)."""
    try:
        return job.exception()
    except CancelledError as cancelled:
        return cancelled


def _result_again(error: BaseException, connection: Connection, begun: bool) -> Update:
    """Return the update with the result where only the way of it broke, else raise what happened to the job.

    Args:
        error: that ended the job early.
        begun: whether it was at work; until then, the backend keeps the session's earlier result.
    """
    from gradio_client.exceptions import AppError

    log.error("job: %r", error)
    output = connection.result_again() if begun and not isinstance(error, AppError) else None
    if output is None:
        raise _to_user_error(error, connection) from error
    return _understand(output, connection)


def _to_user_error(error: BaseException, connection: Connection) -> UserError:
    """What to say of what ended a job early."""
    import httpx
    from gradio_client.exceptions import AppError

    if isinstance(error, AppError):
        return server_error(str(error), connection)
    if isinstance(error, httpx.HTTPStatusError):
        with contextlib.suppress(ValueError, LookupError, TypeError, httpx.StreamError):
            return UserError(str(error.response.json()["error"]))
        return UserError(
            f"The backend could not take the layer (HTTP {error.response.status_code}); make room on the disk, or make "
            "the layer smaller, and try again.",
            connection.log_file,
        )
    if connection.is_open() and not connection.computer:
        return UserError(
            f"The backend has stopped answering; end its process, {connection.pid}, and try again.",
            connection.log_file,
        )
    return connection_lost(connection)


def server_error(text: str, connection: Connection) -> UserError:
    """The backend's own sentence, or a better one than gradio's about hidden errors and a stopped server."""
    if "verbose error reporting" in text:
        return UserError("The backend met an unexpected error; please report it.", connection.log_file)
    return connection_lost(connection) if "erver stopped" in text else UserError(text)


def connection_lost(connection: Connection) -> UserError:
    """What to say where the backend, or the way to it, ended in the middle of a job."""
    if connection.computer:
        return UserError(
            f"The connection to {connection.computer} broke in the middle of the work and the image was left as it "
            "was; try again, which connects anew.",
            connection.log_file,
        )
    return UserError(
        "The backend ended in the middle of the work and the image was left as it was; "
        "try again, which starts it anew.",
        connection.log_file,
    )
