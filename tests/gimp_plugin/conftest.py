"""A backend to talk to that has the real protocol and no engine: fake_backend.py in a process of its own."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.client import Result, Update
from core import job
from tests.gimp_plugin.backend_home import BackendHome, drag_request

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


@pytest.fixture
def home(tmp_path: Path) -> Iterator[BackendHome]:
    """A home where no backend runs yet."""
    home = BackendHome(tmp_path / "a höme")
    yield home
    home.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendHome]:
    """A home whose backend runs; not for tests that harm it."""
    home = BackendHome(tmp_path_factory.mktemp("running"))
    home.backend().connect()
    yield home
    home.kill()


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., tuple[Result, list[Update]]]:
    """Do a job to its end; returns its result and all updates."""

    def do(
        home: BackendHome, model: str = "critters", cancel_at: int = -1, keep_at: int = -1, **more: Any
    ) -> tuple[Result, list[Update]]:
        updates: list[Update] = []
        cancelled, finish_early = threading.Event(), threading.Event()

        def show(update: Update) -> None:
            updates.append(update)
            if update.phase == "drag" and update.step == cancel_at:
                cancelled.set()
            if update.phase == "drag" and update.step == keep_at:
                finish_early.set()

        backend = home.backend(**{name: more.pop(name) for name in ("silence_seconds",) if name in more})
        asked = cancelled.is_set, finish_early.is_set
        return job.drag(backend, drag_request(tmp_path, model, **more), show, *asked), updates

    return do
