"""Pictures that the backend writes for others to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from backend import pictures


@pytest.mark.parametrize(
    ("shape", "mode"), [((13, 17), "L"), ((13, 17, 4), "RGBA"), ((200, 3, 4), "RGBA"), ((1, 1, 4), "RGBA")]
)
def test_another_program_reads_an_uncompressed_picture(tmp_path: Path, shape: tuple[int, ...], mode: str) -> None:
    pixels = np.random.default_rng(len(shape)).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(pictures.write_plain(tmp_path / "picture.png", pixels)) as read:
        assert read.mode == mode
        np.testing.assert_array_equal(np.asarray(read), pixels)


def test_a_photo_is_turned_as_its_camera_says_and_is_opaque(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera was held upright: what is at the left belongs at the top
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    read = pictures.read_image(tmp_path / "photo.png")
    np.testing.assert_array_equal(read[..., :3], np.rot90(pixels, -1))
    assert (read[..., 3] == 255).all()
