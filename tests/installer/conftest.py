"""What every test of the installation starts from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import install
from tests.installer.packages import copy_environment, wheel

HOME_NAME = "Jörg Müller"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a space and an umlaut in its name."""
    folder = tmp_path / HOME_NAME
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def empty_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but pip, made once: to make one takes seconds, to copy it does not."""
    folder = tmp_path_factory.mktemp("template") / "environment"
    install.create(folder)
    return folder


@pytest.fixture
def small(home: Path, empty_environment: Path, monkeypatch: pytest.MonkeyPatch) -> install.Environment:
    """An environment still to be made, out of a folder of empty packages and of no other source."""
    wheel(home / "wheels", "tiny", "1.0")
    (home / "requirements.txt").write_text("tiny==1.0\n")
    (home / "vendor.lock").write_text("tiny==1.0\n")
    (home / "program").mkdir()
    (home / "program" / "marker.py").write_text("")
    monkeypatch.setattr(install, "VENDOR_LOCK", home / "vendor.lock")
    monkeypatch.setattr(install, "torch_index", lambda nvidia: None)
    monkeypatch.setattr(install, "create", lambda folder: copy_environment(empty_environment, folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", (home / "wheels").as_uri())
    monkeypatch.setenv("PIP_INDEX_URL", (home / "nothing").as_uri())
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return install.Environment(home / "environment", (home / "requirements.txt",), home / "program")
