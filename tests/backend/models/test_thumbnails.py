"""The samples of models: drawn in a process of their own, which ends with the backend and leaves nothing."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import psutil
import pytest

from backend import paths
from backend.models import models
from backend.models.thumbnails import Thumbnails
from stylegan2.critters import WEIGHTS


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with a model whose samples were never drawn."""
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    paths.models_folder().mkdir(parents=True)
    shutil.copy(WEIGHTS, paths.models_folder() / "bears.safetensors")
    return paths.models_folder()


def drawing() -> list[psutil.Process]:
    """The processes that draw samples for this one."""
    return [one for one in psutil.Process().children() if "backend.models.converter" in one.cmdline()]


def test_what_is_drawn_just_now_ends_with_the_backend_and_leaves_nothing(store: Path) -> None:
    thumbnails = Thumbnails()
    (bears,) = (model for model in models.offered() if model.name == "bears")
    assert thumbnails.get(bears) is None
    deadline = time.monotonic() + 20
    while not drawing():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    thumbnails.close()
    assert drawing() == []
    assert [file.name for file in store.iterdir()] == ["bears.safetensors"]
