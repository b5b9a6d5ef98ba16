"""The plug-in's own PNG writer, and the marks that it lays on pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.client import png
from core import markers


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize(("width", "height", "rows"), [(17, 13, 13), (17, 13, 5), (1, 1, 1)])
def test_another_program_reads_the_same_pixels_back(
    tmp_path: Path, channels: int, mode: str, width: int, height: int, rows: int
):
    pixels = np.random.default_rng(channels).integers(0, 256, (height, width, channels), dtype=np.uint8)
    strips = [pixels[top : top + rows].tobytes() for top in range(0, height, rows)]
    png.write(tmp_path / "picture.png", width, height, channels, strips)
    with Image.open(tmp_path / "picture.png") as read:
        assert (read.mode, read.size) == (mode, (width, height))
        assert np.array_equal(np.asarray(read).reshape(height, width, channels), pixels)


def plain(path: Path, pixels: np.ndarray) -> Path:
    height, width, channels = pixels.shape
    png.write(path, width, height, channels, [pixels.tobytes()])
    return path


@pytest.mark.parametrize("rows", [1, 4, 13, 100])
def test_a_plain_picture_is_read_back_some_rows_at_a_time(tmp_path: Path, rows: int):
    pixels = np.random.default_rng(1).integers(0, 256, (13, 17, 4), dtype=np.uint8)
    file = png.File.of(plain(tmp_path / "picture.png", pixels))
    assert file[1:] == (17, 13, 4)
    strips = list(file.strips(rows))
    assert b"".join(strips) == pixels.tobytes()
    assert {len(strip) for strip in strips[:-1]} <= {rows * 17 * 4}


def test_a_picture_that_is_not_plain_or_not_whole_is_not_taken_for_one(tmp_path: Path):
    smooth = np.add.outer(np.arange(64), np.arange(64))[..., None].repeat(4, axis=2).astype(np.uint8)
    filtered, cut, text = (tmp_path / name for name in ("filtered.png", "cut.png", "text.png"))
    Image.fromarray(smooth).save(filtered)
    cut.write_bytes(plain(tmp_path / "whole.png", smooth).read_bytes()[:5000])
    text.write_text("not a picture")
    for file in (filtered, cut):
        with pytest.raises(ValueError, match=r"filtered rows|ends too early"):
            list(png.File.of(file).strips(10))
    with pytest.raises(ValueError, match="no PNG"):
        png.File.of(text)


def test_a_small_picture_is_packed_into_bytes_that_another_program_reads():
    pixels = np.random.default_rng(1).integers(0, 256, (13, 17, 1), dtype=np.uint8)
    with Image.open(io.BytesIO(png.packed(png.Pixels(17, 13, 1, pixels.tobytes())))) as read:
        assert (read.mode, read.size) == ("L", (17, 13))
        assert np.array_equal(np.asarray(read), pixels[..., 0])


SIZE = (60, 40)
Trajectory = markers.Trajectory


def drawn(*trajectories: Trajectory) -> np.ndarray:
    """The marks on grey, as the library lays them on."""
    canvas = np.full((SIZE[1], SIZE[0], 3), 128.0)
    for sprite, (x, y) in markers.marks(trajectories, SIZE):
        rgba = np.frombuffer(sprite.rgba, np.uint8).reshape(sprite.height, sprite.width, 4)
        left, top = x - sprite.x, y - sprite.y
        for row, column in np.argwhere(rgba[..., 3]):
            if 0 <= top + row < SIZE[1] and 0 <= left + column < SIZE[0]:
                *colour, alpha = rgba[row, column].astype(float)
                canvas[top + row, left + column] += (colour - canvas[top + row, left + column]) * alpha / 255
    return canvas.round().astype(np.uint8)


def test_a_handle_is_red_its_target_blue_and_a_white_line_leads_there():
    picture = drawn(Trajectory(((10, 20), (45, 20))))
    assert tuple(picture[20, 10]) == markers.HANDLE
    assert tuple(picture[20, 41]) == markers.TARGET
    assert tuple(picture[20, 27]) == markers.LINE
    assert tuple(picture[5, 27]) == (128, 128, 128)


def test_the_line_goes_through_the_way_points():
    picture = drawn(Trajectory(((10, 8), (32, 8), (32, 35))))
    assert tuple(picture[8, 24]) == tuple(picture[20, 32]) == markers.LINE


@pytest.mark.parametrize("end", [(55, 35), (55, 5), (5, 5), (5, 35), (30, 39), (59, 20)])
def test_a_slanted_line_is_white_in_its_middle_and_nowhere_far_from_it(end: tuple[float, float]):
    start = (30, 20)
    sprite, (x, y) = next(markers.marks([Trajectory((start, end))], SIZE))
    alpha = np.frombuffer(sprite.rgba, np.uint8).reshape(sprite.height, sprite.width, 4)[..., 3]
    way = np.subtract(end, start)
    for row, column in np.argwhere(alpha):
        off = np.array([column + x - sprite.x, row + y - sprite.y]) - start
        assert abs(off[0] * way[1] - off[1] * way[0]) / np.hypot(*way) < 3.5
    middle = np.add(start, way / 2).round().astype(int)
    assert alpha[middle[1] - y + sprite.y, middle[0] - x + sprite.x] > 200


def test_a_pin_is_yellow():
    assert tuple(drawn(Trajectory(((10, 20),)))[20, 10]) == markers.PIN


def test_the_chosen_drag_has_a_white_ring():
    plain, chosen = (drawn(Trajectory(((20, 20),), chosen)) for chosen in (False, True))
    assert (chosen == markers.LINE).all(axis=2).sum() > (plain == markers.LINE).all(axis=2).sum() + 50


def test_several_drags_are_numbered_and_a_single_one_is_not():
    one, two = Trajectory(((10, 20), (45, 20))), Trajectory(((10, 34), (45, 34)))
    assert len(list(markers.marks([one, two], SIZE))) == 2 * len(list(markers.marks([one], SIZE))) + 2
    assert all(markers.digits(number) != markers.digits(number + 1) for number in range(12))


@pytest.mark.parametrize("far", [(-1000, 5), (1e7, -1e7), (59.9, 39.9), (30, 1e9)])
def test_points_at_or_beyond_the_edge_do_no_harm_and_cost_nothing(far: tuple[float, float]):
    for points in ((far, (5, 5)), ((5, 5), far), (far,)):
        for sprite, _ in markers.marks([Trajectory(points)], SIZE):
            assert max(sprite.width, sprite.height) < 150


def test_a_brush_is_a_ring_of_its_size():
    ring = markers.ring(20)
    alpha = np.frombuffer(ring.rgba, np.uint8).reshape(ring.height, ring.width, 4)[..., 3]
    assert alpha[ring.y, ring.x + 20] > 200
    assert alpha[ring.y - 20, ring.x] > 200
    assert not alpha[ring.y - 10 : ring.y + 10, ring.x - 10 : ring.x + 10].any()


def test_layer_pixels_are_found_in_a_preview_of_a_part_of_the_layer():
    assert markers.to_preview([(100, 50), (150, 100)], (100, 50, 200, 100), (64, 32)) == [(0, 0), (16, 16)]
