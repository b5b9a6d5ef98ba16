"""One drag job: send it, follow its updates to the end, notice a dead backend. Knows nothing of GIMP."""

from __future__ import annotations

import base64
import logging
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import logs
import png
from problems import Cancelled, Fault, Problem
from service import PROTOCOL, Asked, Backend, Connection

POLL_SECONDS = 0.03
WAIT_SECONDS = 0.5  # every job is in the queue for a moment

log = logging.getLogger("draggan.job")
Points = tuple[tuple[float, float], ...]
Box = tuple[int, int, int, int]  # x, y, width, height
Fetch = Callable[[Mapping[str, Any]], Path]


@dataclass(frozen=True)
class Task:
    """All that the backend must know: the layer as a PNG file; the selection in layer pixels, white = may move.

    edit: what the layer carries of the edit that made it, as a file.
    """

    layer: Path
    selection: png.Pixels | None
    drags: Sequence[Mapping[str, object]]
    options: Mapping[str, object]
    edit: Path | None = None


@dataclass(frozen=True)
class Result:
    """What the backend made: PNG files, and where they belong.

    layer   RGBA, all that has changed of the artist's layer
    mask    grey, of the same size: white where it has changed
    edit    what the next drag on the result goes on from
    offset  (x, y) of layer and mask inside the artist's layer
    region  (x, y, width, height) of what was worked on, inside the artist's layer; None of a sample
    kept    whether the artist has ended the drag here
    """

    layer: Path
    mask: Path
    edit: Path
    offset: tuple[int, int]
    report: Mapping[str, Any]
    region: Box | None = None
    kept: bool = False

    def remarks(self) -> list[str]:
        """A sentence for every point that did not reach its target, unless the artist wanted no more."""
        if self.kept:
            return []
        points = enumerate(self.report.get("points") or (), start=1)
        late = [(number, point.get("why_not")) for number, point in points if not point.get("arrived", True)]
        return [f"Point {number} did not reach its target: {why or 'the drag ended before'}." for number, why in late]


@dataclass(frozen=True)
class Update:
    """One message of the stream. Points in layer pixels; `region` is the edited (x, y, width, height)."""

    phase: str
    step: int
    steps: int
    message: str
    points: Points = ()
    targets: Points = ()
    region: Box | None = None
    preview: png.Pixels | None = None
    result: Result | None = field(default=None)

    @property
    def fraction(self) -> float | None:
        """How much of the phase is done, 0 to 1, or None when nobody knows."""
        return min(1.0, self.step / self.steps) if self.steps > 0 else None

    @classmethod
    def from_wire(cls, output: Sequence[Any], fetch: Fetch) -> Update:
        """Read (update, layer, mask, edit), and fetch its files.

        Raises KeyError, TypeError or ValueError on another shape, and what `fetch` does.
        """
        update, *files = output
        if not isinstance(update, Mapping):
            raise TypeError(f"an update is an object, not {update!r}")
        box = update.get("region")
        region = (int(box[0]), int(box[1]), int(box[2]), int(box[3])) if box else None
        return cls(
            phase=str(update["phase"]),
            step=int(update["step"]),
            steps=int(update["steps"]),
            message=str(update["message"]),
            points=_points(update.get("points")),
            targets=_points(update.get("targets")),
            region=region,
            preview=_preview(update.get("preview")),
            result=_result(update.get("result"), files, region, fetch),
        )


def _points(pairs: Sequence[Sequence[float]] | None) -> Points:
    return tuple((float(x), float(y)) for x, y in pairs or ())


def _preview(preview: Mapping[str, Any] | None) -> png.Pixels | None:
    if not preview:
        return None
    return png.Pixels(
        int(preview["width"]), int(preview["height"]), 3, zlib.decompress(base64.b64decode(preview["rgb"]))
    )


def _result(
    result: Mapping[str, Any] | None, files: Sequence[Mapping[str, Any] | None], region: Box | None, fetch: Fetch
) -> Result | None:
    layer, mask, edit = files
    if not result or not layer or not mask or not edit:
        return None
    layer, mask, edit = fetch(layer), fetch(mask), fetch(edit)
    x, y = result["offset"]
    return Result(layer, mask, edit, (int(x), int(y)), result.get("report") or {}, region)


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
    return client.submit(*files, list(task.drags), dict(task.options), edit, PROTOCOL, api_name="/drag")


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
