"""The home folder of a fake backend, and what is asked of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.client import Backend, DragRequest, Pixels, png
from core import job
from core.installation import PluginInstallation

TOKEN = "a-token-for-tests"  # of the fake backend
FAKE = Path(__file__).with_name("fake_backend.py")


class BackendHome:
    """A home folder for one backend, and the plug-in's side of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self.ready_file = folder / "ready.json"
        self.log_file = folder / "logs" / "backend.log"

    def installation(self, *arguments: str) -> PluginInstallation:
        """Starts the fake backend unless other arguments for Python are given."""
        command = arguments or (str(FAKE), str(self.ready_file))
        files = self.ready_file, self.log_file
        return PluginInstallation(sys.executable, tuple(command), str(self.folder), *files, "test")

    def backend(self, *arguments: str, start_seconds: float = 60, silence_seconds: float = 30) -> Backend:
        return Backend(self.installation(*arguments), self.downloads, start_seconds, silence_seconds)

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """What the fake backend noted of its jobs."""
        file = Path(f"{self.ready_file}.jobs")
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def kill(self) -> None:
        """Kill the backend, if one has said that it is there."""
        try:
            ready = json.loads(self.ready_file.read_text())
            if ready["token"] == TOKEN:  # and not a file that a test has made up
                os.kill(ready["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))
        except (OSError, ValueError, KeyError, TypeError):
            return


def drag_request(
    folder: Path,
    model: str = "critters",
    selection: Pixels | None = None,
    edit: Path | None = None,
    original: Path | None = None,
) -> DragRequest:
    layer = folder / "layer.png"
    png.write(layer, 40, 30, 4, [bytes(range(240)) * 20])
    drags = [{"handle": [1, 2], "target": [30, 20], "via": []}]
    return DragRequest(layer, job.write_mask(selection, folder), drags, {"model": model}, edit, original)


def wait_until(look: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
