"""The plug-in's own PNG writer, and the points it draws into the preview."""

from __future__ import annotations

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


GREY = png.Pixels(60, 40, 3, bytes([128]) * (60 * 40 * 3))


def seen(picture: png.Pixels) -> np.ndarray:
    return np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 3)


def test_a_handle_is_red_its_target_blue_and_a_white_line_leads_there():
    picture = seen(markers.draw(GREY, [[(10, 20), (45, 20)]]))
    assert tuple(picture[20, 10]) == markers.HANDLE
    assert tuple(picture[20, 45 - markers.RADIUS + 1]) == markers.TARGET
    assert tuple(picture[20, 27]) == markers.LINE
    assert tuple(picture[5, 27]) == (128, 128, 128)


def test_the_line_goes_through_the_way_points():
    picture = seen(markers.draw(GREY, [[(10, 10), (30, 10), (30, 35)]]))
    assert tuple(picture[10, 20]) == tuple(picture[20, 30]) == markers.LINE


def test_a_pin_is_yellow():
    assert tuple(seen(markers.draw(GREY, [[(10, 20)]]))[20, 10]) == markers.PIN


def test_several_drags_are_numbered_and_a_single_one_is_not():
    one, two = ([(10, 20), (45, 20)], [(10, 30), (45, 30)])
    drawn = [seen(markers.draw(GREY, trajectories)) for trajectories in ([one], [one, two])]
    dark = [(image[:12, :30] == markers.EDGE).all(axis=2).sum() for image in drawn]
    assert dark[0] == 0
    assert dark[1] > 30


@pytest.mark.parametrize("far", [(-1000, 5), (1e7, -1e7), (59.9, 39.9)])
def test_points_at_or_beyond_the_edge_do_no_harm(far: tuple[float, float]):
    assert seen(markers.draw(GREY, [[far, (5, 5)], [(5, 5), far], [far]])).shape == (40, 60, 3)


def test_the_regions_frame_lies_just_inside_its_box():
    picture = seen(markers.frame(GREY, (5, 6, 20, 10)))
    changed = (picture != 128).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert (columns[0], rows[0], columns[-1], rows[-1]) == (5, 6, 24, 15)
    assert not changed[8:14, 8:22].any()


def test_what_is_not_selected_is_reddish():
    half = np.zeros((40, 60), np.uint8)
    half[:, 30:] = 255
    picture = seen(markers.tint(GREY, png.Pixels(60, 40, 1, half.tobytes()))).astype(int)
    assert (picture[:, 30:] == 128).all()
    assert (picture[:, :30, 0] > picture[:, :30, 1] + 30).all()


def test_layer_pixels_are_found_in_a_preview_of_a_part_of_the_layer():
    assert markers.to_preview([(100, 50), (150, 100)], (100, 50, 200, 100), (64, 32)) == [(0, 0), (16, 16)]
