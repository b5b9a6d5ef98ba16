"""Pictures that the backend writes for others to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend import pictures


@pytest.mark.parametrize(("shape", "mode"), [((13, 17), "L"), ((13, 17, 4), "RGBA"), ((1, 1, 4), "RGBA")])
def test_another_program_reads_an_uncompressed_picture(tmp_path: Path, shape: tuple[int, ...], mode: str) -> None:
    pixels = np.random.default_rng(len(shape)).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(pictures.write_plain(tmp_path / "picture.png", pixels)) as read:
        assert read.mode == mode
        np.testing.assert_array_equal(np.asarray(read), pixels)
