"""What clients send for their jobs: only that is opened, and it goes with the job that it was sent for."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.route_utils
from starlette.datastructures import FormData

from backend.errors import UserError
from backend.server.gradio_queue import GradioQueue

NOT_UPLOADED = "The request names a file that was not uploaded; send the file itself."
UNUSED_SECONDS = 900.0  # a slow client sends one file after the other before it asks for its job
ALONE_SECONDS = 60.0  # without any client, after which none will ask for one
NOT_UPLOADS = ("results", "saved", "torch")  # in the same folder; a studio saves edits there


class _Parser(gradio.route_utils.GradioMultiPartParser):
    """Leaves no file of what did not come whole: too large, cut off, or too much for the disk."""

    async def parse(self) -> FormData:
        """Read the files of a request."""
        try:
            return await super().parse()
        except BaseException:  # a client that goes away is a cancelled task
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):  # what is still to be written does not fit either
                    file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


class Uploads:
    """The files that were sent. Gradio gives two with the same content the same place.

    Args:
        folder: the server's work folder.
        blocks: of the server; it has the record of what was sent.
        queue: of those who wait.
    """

    def __init__(self, folder: Path, blocks: gr.Blocks, queue: GradioQueue) -> None:
        gradio.route_utils.GradioMultiPartParser = _Parser
        self._folder, self._blocks, self._queue = folder, blocks, queue
        self._seen: dict[Path, tuple[int, float]] = {}  # when it was changed, and first seen so (on the steady clock)
        self._named: dict[Path, int | None] = {}  # by jobs that were sent; when it was changed then

    def note(self, data: list[Any]) -> None:
        """Remember what a job names that was put into the queue: a look at the queue now and then would miss some."""
        sent = _paths(data) & self._blocks.upload_file_set
        self._named |= {entry: _changed(entry) for entry in map(_entry, sent)}

    async def check(self, path: str | None) -> str | None:
        """Refuse what a request names in the place of an upload, before anything of it is read.

        Gradio, mounted in another application, would otherwise copy any file that its process can read into its cache,
        and fetch what is named by a URL.
        """
        if path is not None and str(path) not in self._blocks.upload_file_set:
            raise gr.Error(NOT_UPLOADED, print_exception=False)
        return path

    @contextmanager
    def used(self, paths: Iterable[Path | None], session: str) -> Iterator[None]:
        """Delete the uploads of a session's job when it is over; what another job needs, or was sent anew, stays.

        Raises:
            UserError: one is not there any more.
        """
        before = {path: _changed(path) for path in paths if path is not None}
        if None in before.values():
            raise UserError(NOT_UPLOADED)
        try:
            yield
        finally:
            awaited = self._awaited(session)
            for path, changed in before.items():
                if str(path) not in awaited and _changed(path) == changed:
                    self._delete(path)

    def tidy(self, seconds_alone: float) -> None:
        """Delete what was sent for a job that was cancelled while it waited, or long ago and for no job at all.

        Args:
            seconds_alone: for which nobody has been connected.
        """
        now, named, seen = time.monotonic(), list(self._named), {}
        awaited = {_entry(path) for path in self._awaited(None)}
        given_up = {entry: self._named.pop(entry) for entry in named if entry not in awaited}
        for entry in self._folder.iterdir():
            changed = _changed(entry)
            if entry.name in NOT_UPLOADS or changed is None:
                continue
            last = self._seen.get(entry)
            seen[entry] = last if last and last[0] == changed and entry not in awaited else (changed, now)
            unused = now - seen[entry][1] > (UNUSED_SECONDS if seconds_alone < ALONE_SECONDS else 0)
            if given_up.get(entry) == changed or unused:
                self._delete(entry)
        self._seen = seen

    def _awaited(self, running: str | None) -> set[str]:
        """The files that jobs name which wait, or have just begun; but not the job of this session that runs."""
        return set().union(*map(_paths, self._queue.awaited(running)))

    def _delete(self, entry: Path) -> None:
        uploaded = self._blocks.upload_file_set
        uploaded -= {path for path in set(uploaded) if entry in (Path(path), Path(path).parent)}
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
            return
        entry.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there is another in it
            entry.parent.rmdir()


def storage_error(error: OSError) -> str:
    """What to say where the disk does not take what was sent."""
    return f"The backend cannot store what was sent ({error.strerror or error}); make room on its disk and try again."


def _paths(data: Iterable[Any]) -> set[str]:
    """The files that a job's data name."""
    return {str(value["path"]) for value in data if isinstance(value, dict) and "path" in value}


def _entry(path: str) -> Path:
    """The folder of an upload."""
    return Path(path).parent


def _changed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
