"""The backend's log: where what the user should not have to read is written down for whoever helps.

Only the one running backend writes it: two processes that both rotate a file would lose each other's lines. Each line
names the job that it belongs to, "-" for none.
"""

from __future__ import annotations

import contextvars
import logging
import logging.handlers
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from backend import paths

LARGEST, BACKUPS = 1_000_000, 3  # bytes of one file, older files kept
NO_JOB = "-"

logger = logging.getLogger("backend")
Step = TypeVar("Step")
_job: contextvars.ContextVar[str] = contextvars.ContextVar("job", default=NO_JOB)


def start() -> Path:
    """Write everything that is logged in this process to the log file, and return its path.

    Raises:
        OSError: the folder cannot be created or written.
    """
    path = paths.log_file()
    paths.make_private(path.parent)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LARGEST, backupCount=BACKUPS, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(process)d job %(job)s %(name)s: %(message)s"))
    handler.addFilter(_with_job)
    handler.rotator = _rotate
    logging.raiseExceptions = False  # a disk that is full costs the line, not a page on stderr for each
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "httpcore", "uvicorn.access", "filelock", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return path


def of_job(job: str, steps: Iterator[Step]) -> Iterator[Step]:
    """Yield the same steps, and mark what is logged during each, and at the end, as belonging to a job.

    Set anew for each step, because Gradio runs every step in a context of its own.

    Args:
        job: its number in the log.
        steps: a generator is closed at the end.
    """
    try:
        while True:
            try:
                with belonging_to(job):
                    step = next(steps)
            except StopIteration:
                return
            yield step
    finally:
        with belonging_to(job):
            if isinstance(steps, Generator):
                steps.close()


@contextmanager
def phases(job: str) -> Iterator[Callable[[str], None]]:
    """Yield what is to be called with each phase that a job enters; at its end, what each took is written down."""
    took: dict[str, float] = {}
    entered = [("wait", time.monotonic())]

    def enter(phase: str) -> None:
        (before, since), now = entered[-1], time.monotonic()
        if phase != before:
            took[before] = took.get(before, 0.0) + now - since
            entered[:] = [(phase, now)]

    try:
        yield enter
    finally:
        enter("")
        with belonging_to(job):
            logger.info("Phases: %s", ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in took.items()))


def unexpected(doing: str, job: str = NO_JOB) -> str:
    """Log the exception being handled, and return the one sentence for the user."""
    with belonging_to(job):
        logger.exception("While %s", doing)
    where = f"{paths.log_file()}, under job {job}" if job != NO_JOB else str(paths.log_file())
    return f"Something unexpected went wrong while {doing}; what it was is written in {where}."


@contextmanager
def belonging_to(job: str) -> Iterator[None]:
    """Mark what is logged inside as belonging to a job."""
    before = _job.set(job)
    try:
        yield
    finally:
        _job.reset(before)


def _rotate(source: str, target: str) -> None:
    """Move the log out of the way; on Windows it stays, since what this process prints goes into the same file."""
    try:
        os.replace(source, target)
    except PermissionError:
        shutil.copyfile(source, target)
        os.truncate(source, 0)


def _with_job(record: logging.LogRecord) -> bool:
    record.job = _job.get()
    return True
