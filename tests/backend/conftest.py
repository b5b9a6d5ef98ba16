"""The demo, run once for all tests that look at what it leaves, and the picture that small drags are done on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from stylegan2.critters.making import factors, renderer
from tests.backend.demo_run import Demo, run_demo


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The whole demo: all examples, through a backend of its own."""
    place = tmp_path_factory.mktemp("demo")
    return run_demo(place / "out put", home=place / "home")


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An animal head, 80 x 64 pixels, so that the region is the middle 64 x 64."""
    pixels = renderer.render(torch.as_tensor(factors.random(5, 1)).float(), 64, 80)[0]
    path = tmp_path_factory.mktemp("pictures") / "animal.png"
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)
    return path
