"""One replica: does the jobs of its sessions on its own GPU, and saves the edit of a drag as it goes."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from backend import paths
from backend.errors import UserError
from backend.server import log
from backend.server.jobs import JobRunner, Updates
from backend.server.protocol import Update
from backend.server.requests import Request
from stylegan2.errors import ModelError

SAVE_EVERY = 0.5  # seconds of a drag that are lost with its replica, at most
END = object()


@dataclasses.dataclass(frozen=True)
class Refused:
    """What is answered in the place of an exception, which would lose its class on the way: its one sentence."""

    sentence: str


def saved_edit(files: Path, session: str) -> Path:
    """Where the edit of a session's drag is saved, for whoever goes on with it."""
    return files / "saved" / f"{''.join(filter(str.isalnum, session))[:64]}.safetensors"


class SavingRunner(JobRunner):
    """A JobRunner whose drags can be gone on with elsewhere."""

    def drag(self, request: Request) -> Updates:
        """Do a drag as JobRunner does, and save its edit before an update tells of it."""
        file, due = saved_edit(self.files.folder, request.session), 0.0
        for update, files in super().drag(request):
            if update.phase == "drag" and time.monotonic() >= due and self._editor is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                self._editor[1].state.save(file)
                due = time.monotonic() + SAVE_EVERY
            yield update, files


class Replica:
    """What Ray Serve runs one of for each GPU. Its files lie in a folder that all machines see.

    Args:
        files: the studio's work folder.
    """

    def __init__(self, files: str) -> None:
        self._runner = SavingRunner(Path(files), cache=paths.cache_folder())

    async def job(self, name: str, *arguments: Any) -> AsyncIterator[tuple[Update, Any] | Refused]:
        """Yield the updates of a job, the method `name` of a JobRunner."""
        updates = getattr(self._runner, name)(*arguments)
        try:
            while (output := await asyncio.to_thread(_next, updates)) is not END:
                yield output
                if isinstance(output, Refused):
                    return
        finally:
            await asyncio.to_thread(updates.close)

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Return what the method `name` of a JobRunner, or of its queue, answers at once."""
        owner, _, method = name.rpartition(".")
        try:
            return getattr(self._runner.queue if owner else self._runner, method)(*arguments)
        except UserError as error:
            return Refused(str(error))


def _next(updates: Updates) -> Any:
    try:
        return next(updates, END)
    except (UserError, ModelError) as error:
        return Refused(str(error))
    except Exception:
        return Refused(log.unexpected("computing"))
