"""The plug-in's own log file, open from its first line on: GIMP shows nothing of what a plug-in prints."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import sys
import tempfile
import threading
from pathlib import Path

NAME = "plugin.log"
SIZE = 500_000


def open_log(plugin: Path) -> Path:
    """Log to plugin.log beside the backend's log, or in the temporary folder; return the file's path."""
    if sys.stdout is None or sys.stderr is None:  # Windows starts plug-ins without a console
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    logger = logging.getLogger("draggan")
    logger.setLevel(logging.INFO)
    file = Path(tempfile.gettempdir(), NAME)
    for place in (_log_folder(plugin) / NAME, file):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.handlers.RotatingFileHandler(place, maxBytes=SIZE, backupCount=1, encoding="utf-8")
        except OSError:
            continue
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        file = place
        break
    sys.excepthook = lambda kind, error, trace: logger.critical("uncaught", exc_info=(kind, error, trace))
    threading.excepthook = lambda failure: logger.critical("uncaught in a thread", exc_info=failure.exc_value)
    return file


def _log_folder(plugin: Path) -> Path:
    try:
        return Path(json.loads((plugin / "backend.json").read_text(encoding="utf-8"))["log_file"]).parent
    except (OSError, ValueError, KeyError, TypeError):
        return Path(tempfile.gettempdir())
