"""The plug-in's own PNG writer, and the points it draws into the preview."""

from __future__ import annotations

import io

import markers
import numpy as np
import png
import pytest
from PIL import Image


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_another_program_reads_the_same_pixels_back(channels: int, mode: str):
    pixels = np.random.default_rng(channels).integers(0, 256, (13, 17, channels), dtype=np.uint8)
    read = Image.open(io.BytesIO(png.encode(png.Pixels(17, 13, channels, pixels.tobytes()))))
    assert (read.mode, read.size) == (mode, (17, 13))
    assert np.array_equal(np.asarray(read).reshape(13, 17, channels), pixels)


def test_a_picture_of_one_pixel_is_written_too():
    assert Image.open(io.BytesIO(png.encode(png.Pixels(1, 1, 3, b"\1\2\3")))).getpixel((0, 0)) == (1, 2, 3)


def drawn(points: list[tuple[float, float]], targets: list[tuple[float, float]]) -> np.ndarray:
    grey = png.Pixels(60, 40, 3, bytes([128]) * (60 * 40 * 3))
    result = markers.draw(grey, points, targets)
    return np.frombuffer(result.data, np.uint8).reshape(40, 60, 3)


def test_a_handle_is_red_its_target_blue_and_a_white_line_leads_there():
    picture = drawn([(10, 20)], [(45, 20)])
    assert tuple(picture[20, 10]) == markers.HANDLE
    assert tuple(picture[20, 45 - markers.RADIUS + 1]) == markers.TARGET
    assert tuple(picture[20, 27]) == markers.LINE
    assert tuple(picture[5, 27]) == (128, 128, 128)


@pytest.mark.parametrize("far", [(-1000, 5), (1e7, -1e7), (59.9, 39.9)])
def test_points_at_or_beyond_the_edge_do_no_harm(far: tuple[float, float]):
    assert drawn([far], [(5, 5)]).shape == (40, 60, 3)


def test_layer_pixels_are_found_in_a_preview_of_a_part_of_the_layer():
    assert markers.to_picture([(100, 50), (150, 100)], (100, 50, 200, 100), (64, 32)) == [(0, 0), (16, 16)]
