"""The backend's log: where what the user should not have to read is written down for whoever helps."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

from backend import paths

LARGEST, KEPT = 1_000_000, 3  # bytes of one file, older files kept

logger = logging.getLogger("backend")


def start() -> Path:
    """Write everything that is logged in this process to the log file; returns its path.

    Raises OSError when the folder cannot be made or written.
    """
    path = paths.log_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "httpcore", "uvicorn.access", "filelock", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return path


def unexpected(doing: str) -> str:
    """Log the exception being handled; returns the one sentence for the user."""
    logger.exception("While %s", doing)
    return f"Something unexpected went wrong while {doing}; what it was is written in {paths.log_file()}."
