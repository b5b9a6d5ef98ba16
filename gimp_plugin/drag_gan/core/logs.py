"""The plug-in's own log, open from its first line on: GIMP shows nothing of what a plug-in prints.

Each process has a file of its own, because a file that another process writes cannot be rotated on Windows.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

PATTERN = "plugin-*.log*"
SIZE = 500_000  # bytes of one file, of which the one before is kept
KEPT = 10  # files of earlier processes
SHOWN, LINES = 50_000, 200  # bytes and lines that are shown of a log, at most


class _JobName(logging.Filter):
    """Puts the name of the process's job into every line."""

    name_of_job = "-"

    def filter(self, record: logging.LogRecord) -> bool:
        record.job = self.name_of_job
        return True


_job = _JobName()


def open_log(plugin: Path) -> Path:
    """Log to a new file beside the backend's log, or in the temporary folder.

    Args:
        plugin: folder of the plug-in, in which backend.json names the backend's log.

    Returns:
        The new file.
    """
    if sys.stdout is None or sys.stderr is None:  # Windows starts plug-ins without a console
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    logger = logging.getLogger("draggan")
    logger.setLevel(logging.INFO)
    name = f"plugin-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    file = Path(tempfile.gettempdir(), name)
    for place in (_log_folder(plugin) / name, file):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _sweep(place.parent)
            handler = logging.handlers.RotatingFileHandler(place, maxBytes=SIZE, backupCount=1, encoding="utf-8")
        except OSError:
            continue
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(job)s %(name)s: %(message)s"))
        handler.addFilter(_job)
        logger.addHandler(handler)
        file = place
        break
    sys.excepthook = lambda kind, error, trace: logger.critical("uncaught", exc_info=(kind, error, trace))
    threading.excepthook = lambda failure: logger.critical("uncaught in a thread", exc_info=failure.exc_value)
    return file


def file() -> Path | None:
    """Return the file that this process logs to; None before there is one."""
    handlers = logging.getLogger("draggan").handlers
    files = [handler.baseFilename for handler in handlers if isinstance(handler, logging.FileHandler)]
    return Path(files[-1]) if files else None


def end_of(log: Path) -> str:
    """Return the last lines of a log, "" where there is none."""
    try:
        with open(log, "rb") as content:
            content.seek(max(0, log.stat().st_size - SHOWN))
            lines = content.read().decode("utf-8", "replace").splitlines(keepends=True)
    except OSError:
        return ""
    return "".join(lines[-LINES:])


def name_job(name: str) -> None:
    """Put a name into every line from now on, by which the backend's log calls this job, too."""
    _job.name_of_job = name


def _sweep(folder: Path) -> None:
    """Delete all but the newest files of earlier processes."""
    for file in sorted(folder.glob(PATTERN))[:-KEPT]:  # a name begins with the time of its process's start
        with contextlib.suppress(OSError):  # Windows deletes no file that is open: its process is still at work
            file.unlink(missing_ok=True)


def _log_folder(plugin: Path) -> Path:
    """Return the folder of the backend's log, or the temporary one while nothing is installed."""
    try:
        return Path(json.loads((plugin / "backend.json").read_text(encoding="utf-8"))["log_file"]).parent
    except (OSError, ValueError, KeyError, TypeError):
        return Path(tempfile.gettempdir())
