"""Four samples of each model that is here, side by side in a PNG file: drawn once, in a process of its own."""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path

from backend import __version__, paths
from backend.errors import Cancelled, UserError
from backend.models.conversion import draw_sheet
from backend.models.models import EMBEDDED, Offered
from backend.models.records import sheet_file
from stylegan2.errors import ModelError

END_SECONDS = 5.0  # for which a process that is killed is waited for

log = logging.getLogger(__name__)


def sheet_of(model: Offered) -> Path:
    """Return where the samples of a model are, or will be: beside it; the embedded one's are in the cache."""
    if model.name == EMBEDDED:
        return paths.cache_folder() / f"{EMBEDDED}-{__version__}.png"
    return sheet_file(model.path)


class Thumbnails:
    """Reads the samples of models, and has those that are missing drawn, one model after the other."""

    def __init__(self) -> None:
        self._asked: set[Path] = set()  # once per process: what cannot be drawn is not tried again and again
        self._missing: queue.SimpleQueue[Offered | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def get(self, model: Offered) -> bytes | None:
        """Return a model's samples as PNG; None while they are drawn, and where they cannot be."""
        sheet = sheet_of(model)
        try:
            return sheet.read_bytes()
        except OSError:
            self._draw(model)
            return None

    def _draw(self, model: Offered) -> None:
        with self._lock:
            if model.path in self._asked:
                return
            self._asked.add(model.path)
            self._missing.put(model)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End what is drawn just now because the backend ends; nothing of it is left."""
        self._closed.set()
        self._missing.put(None)
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while (model := self._missing.get()) is not None:
            try:
                sheet_of(model).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                draw_sheet(model.path, sheet_of(model), model.usable_height, self._closed.is_set)
            except Cancelled:
                return
            except (UserError, ModelError, OSError) as error:
                log.info("no samples of %s: %s", model.name, error)
