"""The one backend that a user has: its lock, its ready file, and how others of this program start and stop it.

Whoever holds the lock is the backend. The ready file tells where it listens: it is written, readable by its owner
only, once requests are answered, and removed at the end; one without a held lock is a dead process's.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import filelock

from backend import __version__, paths
from backend.client import Installation
from backend.client.connection import NotRunningError, Ready, ask
from backend.errors import UserError
from backend.files import written_whole

LOCK_SECONDS = 2.0  # a status question holds the lock for a moment
STOP_SECONDS = 15.0  # that a backend gets to end after it was asked to
ROOT = Path(__file__).resolve().parents[2]  # where -m finds the backend, installed or in a clone


@contextlib.contextmanager
def sole_instance(patience: float = LOCK_SECONDS) -> Iterator[bool]:
    """Hold the lock of the one backend; yield False when another process holds it for longer than `patience`.

    Raises:
        UserError: the data folder cannot be used.
    """
    lock = filelock.FileLock(paths.lock_file(), timeout=patience)
    try:
        paths.make_private(paths.data_folder())
        lock.acquire()
    except filelock.Timeout:
        yield False
        return
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"The folder {paths.data_folder()} cannot be used ({reason}); mend that.") from error
    try:
        yield True
    finally:
        lock.release()


def running() -> Ready | Literal["starting"] | None:
    """Say where the running backend listens, None when none runs; a dead one's ready file is removed.

    "starting" is one that has the lock but no ready file: it starts or ends.
    """
    with sole_instance(patience=0) as alone:
        if alone:
            paths.ready_file().unlink(missing_ok=True)
            return None
    try:
        return Ready.parse(paths.ready_file().read_text(encoding="utf-8"))
    except (OSError, NotRunningError):
        return "starting"


def write_ready_file(content: dict[str, Any], file: Path) -> None:
    """Write a ready file in one go, for its owner's eyes only. Raises UserError."""
    with written_whole(file) as temporary:
        temporary.unlink(missing_ok=True)  # another could have made it for anybody's eyes
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            json.dump(content, out)


def installation() -> Installation:
    """How the backend is started by another part of this program, with the same Python."""
    return Installation(
        python=sys.executable,
        arguments=("-u", "-m", "backend", "serve"),
        directory=str(ROOT),
        ready_file=paths.ready_file(),
        log_file=paths.log_file(),
        version=__version__,
    )


def stop() -> bool:
    """End the running backend, by force where it does not answer; return False when none runs.

    Raises:
        UserError: it does not end.
    """
    ready = _when_started()
    if ready is None:
        return False
    if ready == "starting":
        raise UserError(f"The backend neither starts nor ends; see {paths.log_file()}.")
    try:
        ask(ready, "stop")
    except UserError:
        os.kill(ready.pid, signal.SIGTERM)  # it hangs; the held lock says that the process is still it
    if not _has_ended():
        raise UserError(f"The backend (process {ready.pid}) does not end; end that process yourself.")
    return True


def _when_started() -> Ready | Literal["starting"] | None:
    """What running() says once the backend is neither starting nor ending, or at last."""
    deadline = time.monotonic() + STOP_SECONDS
    while (ready := running()) == "starting" and time.monotonic() < deadline:
        time.sleep(0.2)
    return ready


def _has_ended() -> bool:
    with sole_instance(STOP_SECONDS) as alone:
        if alone:
            paths.ready_file().unlink(missing_ok=True)
        return alone
