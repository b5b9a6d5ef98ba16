"""A backend to talk to that has the real protocol and no engine: fake_backend.py in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.client import Backend, DragRequest, Pixels, Result, Update, png
from core import job
from core.installation import PluginInstallation

TOKEN = "a-token-for-tests"  # of the fake backend
FAKE = Path(__file__).with_name("fake_backend.py")
HERE = Path(__file__).parent
LIMIT_SECONDS = 180  # of a test: a limit, not a duration


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No test waits for ever, whatever it waits for: it fails, and shows where it was.

    gradio_client has waits without a limit, for instance for an answer to a question that the server has taken.
    pytest calls this for the tests of other folders, too: those may take their time.
    """
    if sys.platform == "win32" or HERE not in item.path.parents:  # Windows has no such signal
        return (yield)

    def give_up(*_: object) -> None:
        signal.alarm(LIMIT_SECONDS)  # the tearing down has its limit, too
        pytest.fail(f"{item.name} has taken longer than {LIMIT_SECONDS} seconds")

    former = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT_SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


class Place:
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


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place where no backend runs yet."""
    place = Place(tmp_path / "a höme")
    yield place
    place.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place whose backend runs; not for tests that harm it."""
    place = Place(tmp_path_factory.mktemp("running"))
    place.backend().connect()
    yield place
    place.kill()


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


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., tuple[Result, list[Update]]]:
    """Do a job to its end; returns its result and all updates."""

    def do(
        place: Place, model: str = "critters", cancel_at: int = -1, keep_at: int = -1, **more: Any
    ) -> tuple[Result, list[Update]]:
        updates: list[Update] = []
        cancelled, finish_early = threading.Event(), threading.Event()

        def show(update: Update) -> None:
            updates.append(update)
            if update.phase == "drag" and update.step == cancel_at:
                cancelled.set()
            if update.phase == "drag" and update.step == keep_at:
                finish_early.set()

        backend = place.backend(**{name: more.pop(name) for name in ("silence_seconds",) if name in more})
        asked = cancelled.is_set, finish_early.is_set
        return job.drag(backend, drag_request(tmp_path, model, **more), show, *asked), updates

    return do


def wait_until(look: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
