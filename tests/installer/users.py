"""A user of these tests, with a home folder of their own."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import install
from backend.installer import placement


def as_installed(monkeypatch: pytest.MonkeyPatch, home: Path, console: str | None) -> None:
    """A user whose environment is made already: the one these tests run in."""
    (home / "vendor").mkdir()
    monkeypatch.setenv("DRAGGAN_HOME", str(home / "data"))
    monkeypatch.setattr(install, "set_up", lambda environment: None)
    monkeypatch.setattr(install.Environment, "python", property(lambda self: Path(sys.executable)))
    monkeypatch.setattr(install.Environment, "vendor", property(lambda self: home / "vendor"))
    monkeypatch.setattr(placement, "find_console", lambda: console)
    monkeypatch.setattr(placement, "profile_roots", lambda: [home / "GIMP"])


def tree(folder: Path) -> set[str]:
    """The names of all files and folders below."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def link_python(folder: Path) -> None:
    """Make the Python of these tests that of an environment: a starter that hands its arguments on."""
    python = install.Environment(folder, (), folder).python
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{install.ROOT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


class Terminal(io.StringIO):
    """A stdin that is a terminal, or is not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal
