"""A backend that cannot be had, in a real GIMP 3.0 and 3.2: one sentence, nothing changed, and the next run works."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from session import KILL, TEMPORARY, Session, left_behind

STOP, GO_ON = "SIGSTOP", "SIGCONT"


class Sheet:
    """An image with a path on it, in a GIMP whose backend runs."""

    def __init__(self, console: Session) -> None:
        self.console, self.ready_file = console, console.home / "backend" / "backend.json"
        (self.settings,) = console.home.glob(".config/GIMP/3.*/plug-ins/drag_gan/backend.json")
        self.image = console.build("plain", "rgb", "U8_NON_LINEAR", False, str(console.home))["image"]
        console.draw_path(self.image, [(60, 50), (75, 50)])
        self.works()

    def works(self) -> None:
        """An ordinary run succeeds, and leaves nothing but its layer."""
        before = len(self.console.state(self.image)["layers"])
        answer = self.console.drag(self.image)
        assert answer["status"] == "success", answer
        assert len(self.console.state(self.image)["layers"]) == before + 1
        assert left_behind(self.console.home) == []

    def refused(self) -> str:
        """A run is refused, and leaves nothing; its sentence."""
        self.console.call(self.image, "clean_all")
        before = self.console.state(self.image)
        answer = self.console.drag(self.image)
        assert answer["status"] == "error"
        assert self.console.state(self.image) == before
        assert left_behind(self.console.home) == []
        return answer["message"]

    @property
    def backend(self) -> int:
        """Process id of the backend."""
        return json.loads(self.ready_file.read_text())["pid"]

    def signal(self, name: str) -> None:
        """Send a signal to the backend. (A name: Windows, where this is never run, has no such signals.)"""
        os.kill(self.backend, signal.Signals[name])


@pytest.fixture
def sheet(layers: Session) -> Iterator[Sheet]:
    sheet = Sheet(layers)
    yield sheet
    layers.close_image(sheet.image)


@pytest.fixture
def rewritten() -> Iterator[Any]:
    """Changes values in a file of JSON, which is as before after the test."""
    kept: dict[Path, str] = {}

    def rewrite(file: Path, **values: object) -> None:
        text = kept.setdefault(file, file.read_text())
        file.write_text(json.dumps({**json.loads(text), **values}))

    yield rewrite
    for file, text in kept.items():
        file.write_text(text)


@contextmanager
def files_no_larger(console: Session, size: int) -> Iterator[None]:
    """The disk takes no larger file from the plug-ins that GIMP starts, as if it were full."""
    system: Any = psutil  # Linux's alone has limits
    started = system.Process(console.process.pid)
    (gimp,) = (one for one in (started, *started.children(recursive=True)) if one.name().startswith("gimp"))
    before = gimp.rlimit(system.RLIMIT_FSIZE)
    gimp.rlimit(system.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        gimp.rlimit(system.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full(sheet: Sheet):
    with files_no_larger(sheet.console, 10_000):
        sentence = sheet.refused()
    assert f"{sheet.console.home / TEMPORARY}" in sentence
    assert sentence.endswith("make room there and run the filter again.")
    sheet.works()


def test_a_backend_of_another_version(sheet: Sheet, rewritten: Any):
    rewritten(sheet.ready_file, protocol=1)
    assert "different versions; update both by running install.py" in sheet.refused()
    rewritten(sheet.ready_file, protocol=3)
    sheet.works()


def test_a_backend_that_has_been_killed_is_started_anew(sheet: Sheet):
    killed = sheet.backend
    sheet.signal(KILL)
    sheet.works()
    assert sheet.backend != killed


@pytest.fixture
def impatient(sheet: Sheet) -> Iterator[None]:
    """The plug-in waits for a silent backend as ever, but not for as long: a minute is the time of sixty tests."""
    launcher = sheet.settings.parent / "vendor" / "backend" / "client" / "launcher.py"
    text = launcher.read_text(encoding="utf-8")
    assert "SILENCE_SECONDS = 60.0" in text
    launcher.write_text(text.replace("SILENCE_SECONDS = 60.0", "SILENCE_SECONDS = 16.0"), encoding="utf-8")
    yield
    launcher.write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("impatient")
def test_a_backend_that_does_not_answer(sheet: Sheet):
    sheet.signal(STOP)
    try:
        sentence = sheet.refused()
    finally:
        sheet.signal(GO_ON)
    assert f"has not answered for 16 seconds; end its process, {sheet.backend}, and try again" in sentence
    sheet.works()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"python": "/no/python"}, "The backend could not be started"),
        ({"arguments": ["-c", "raise SystemExit('No room left.')"]}, "last words: No room left."),
    ],
    ids=["its Python is gone", "it ends at once"],
)
def test_a_backend_that_cannot_be_started(sheet: Sheet, rewritten: Any, settings: dict[str, Any], words: str):
    before = sheet.settings.read_text()
    sheet.signal(KILL)
    rewritten(sheet.settings, **settings)
    sentence = sheet.refused()
    assert words in sentence
    assert "run install.py again" in sentence
    sheet.settings.write_text(before)
    sheet.works()
