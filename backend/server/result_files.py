"""The results of jobs, which their clients fetch, again if need be: those of each session's latest job, for an hour."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from backend import pictures
from backend.editing.region import Region
from backend.editing.steps import EditResult
from backend.errors import UserError
from backend.server.protocol import Update

KEPT_SECONDS = 3600.0  # a client whose connection broke, or that was killed, can come back for its result
MOST_BYTES = 2 << 30  # of all results; the oldest go first, the latest stays

Files = tuple[str | None, str | None, str | None]
"""Paths of layer, mask and edit."""

NO_FILES: Files = (None, None, None)


class Finished(NamedTuple):
    """The last update of a session's job with its files, when it came (on the steady clock), and its bytes."""

    update: Update
    files: Files
    at: float
    size: int


class ResultFiles:
    """The result files in the work folder of the server. Safe to use from several threads.

    Args:
        folder: the server's work folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._finished: dict[str, Finished] = {}  # by session, the oldest first
        self._lock = threading.RLock()

    def keep(self, session: str, update: Update, files: Files) -> None:
        """Keep the result of a session's latest job."""
        self.tidy()
        size = sum(Path(file).stat().st_size for file in files if file is not None)
        with self._lock:
            self._finished.pop(session, None)  # it is the newest now
            self._finished[session] = Finished(update, files, time.monotonic(), size)
            while len(self._finished) > 1 and sum(one.size for one in self._finished.values()) > MOST_BYTES:
                self.delete(next(iter(self._finished)))

    def finished(self, session: str) -> Finished | None:
        """Return the result of a session's latest job, if it has come and is still here."""
        return self._finished.get(session)

    def write(self, result: EditResult, next_region: Region, session: str) -> Files:
        """Write the files of a session's latest job in place of those of its earlier ones; the edit, small, first.

        Args:
            result: layer, mask and state of the edit.
            next_region: where the model's image will lie on the layer that the artist gets, for its next edit.
            session: of the client.

        Raises:
            UserError: there is no room for them.
        """
        try:
            place = self.new_folder(session)
            edit, layer, mask = place / "edit.safetensors", place / "layer.png", place / "mask.png"
            result.state.continued(next_region).carried().save(edit)
            return pictures.write_plain(layer, result.layer), pictures.write_plain(mask, result.mask), str(edit)
        except (OSError, UserError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            reason = getattr(cause, "strerror", None) or cause
            raise UserError(
                f"The backend cannot store the result in {self.folder} ({reason}); make room there and run the filter "
                "again in the same way: what was dragged is kept until then."
            ) from error

    def new_folder(self, session: str) -> Path:
        """Delete the files of a session's earlier jobs and return a folder for those of its latest. Raises OSError."""
        self.delete(session)
        self._of(session).mkdir(parents=True)
        return Path(tempfile.mkdtemp(dir=self._of(session)))

    def delete(self, session: str) -> None:
        """Delete the result of a session."""
        with self._lock:
            self._finished.pop(session, None)
            shutil.rmtree(self._of(session), ignore_errors=True)

    def tidy(self) -> None:
        """Delete the results that have been kept long enough."""
        now = time.monotonic()
        with self._lock:
            for session in [one for one, finished in self._finished.items() if now - finished.at > KEPT_SECONDS]:
                self.delete(session)

    def _of(self, session: str) -> Path:
        # A session's name comes from the client: only its letters and digits go into a path.
        return self.folder / "results" / ("s" + "".join(filter(str.isalnum, session))[:64])
