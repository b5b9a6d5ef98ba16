"""One running backend for most tests of the server, and the pictures they send."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.backend.server.harness import Backend
from tests.backend.server.live import Live


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """gradio_client leaves an empty folder for every file it fetches; they are to go with the tests' own."""
    tempfile.tempdir = str(tmp_path_factory.mktemp("temporary"))
    yield
    tempfile.tempdir = None


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A backend whose home folder has a space and an umlaut in its name."""
    running = Backend(tmp_path_factory.mktemp("backend") / "Jörg Müller").start()
    yield running
    running.end()


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """The left half of the picture's middle may move."""
    pixels = np.zeros((64, 80), np.uint8)
    pixels[8:56, 8:40] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


@pytest.fixture
def live(backend: Backend, picture: Path, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Opens live drags, and ends them."""
    opened: list[Live] = []

    def open_drag(**request: Any) -> Live:
        opened.append(Live(backend.connection(tmp_path), **{"image": picture, **request}))
        return opened[-1].opened()

    yield open_drag
    for one in opened:
        one.close()
    backend.wait_idle()
