"""A folder of images as training data: what cannot be read is left out, and ends nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegan2.errors import ModelError
from stylegan2.training.images import ImageFolder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of noise, PNG files of several chunks."""
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        Image.fromarray(rng.integers(0, 255, (200, 200, 3), np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


def without_a_name_of_a_chunk(data: bytearray) -> None:
    second = data.index(b"IDAT", data.index(b"IDAT") + 4)
    data[second : second + 4] = b"\1\2\3\4"


def with_other_pixels(data: bytearray) -> None:
    place = data.index(b"IDAT") + 6000
    data[place] ^= 255


@pytest.mark.parametrize("damage", [cut, without_a_name_of_a_chunk, with_other_pixels, bytearray.clear])
def test_a_damaged_picture_is_left_out(folder: Path, damage: Callable[[bytearray], None]) -> None:
    data = bytearray((folder / "one.png").read_bytes())
    damage(data)
    (folder / "damaged.png").write_bytes(data)
    images = ImageFolder(folder, 32)
    assert images.images.shape == (2, 3, 32, 32)
    assert images.left_out == [folder / "damaged.png"]


def test_too_few_pictures_are_refused(folder: Path) -> None:
    (folder / "two.png").write_text("a text")
    with pytest.raises(ModelError, match="holds 1 readable pictures"):
        ImageFolder(folder, 32)
