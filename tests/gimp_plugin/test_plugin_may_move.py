"""The mask of what may move: around it, smaller, painted."""

from __future__ import annotations

import numpy as np
import pytest

from backend.client import png
from core.may_move import HELD, LONGEST_SIDE, MAY_MOVE, box_around, enlarged, everything, painted, shrunk


def seen(mask: png.Pixels) -> np.ndarray:
    return np.frombuffer(mask.data, np.uint8).reshape(mask.height, mask.width)


@pytest.mark.parametrize("box", [(0, 0, 200, 100), (199, 99, 1, 1), (3, 0, 1, 100), (10, 20, 30, 40)])
def test_the_box_around_a_selection_holds_just_it(box: tuple[int, int, int, int]):
    x, y, width, height = box
    mask = np.zeros((100, 200), np.uint8)
    mask[y : y + height, x : x + width] = 1
    assert box_around(png.Pixels(200, 100, 1, mask.tobytes())) == box


def test_around_nothing_there_is_no_box():
    assert box_around(None) is None
    assert box_around(png.Pixels(7, 5, 1, bytes(35))) is None


def test_a_large_mask_is_painted_on_smaller_in_the_same_place():
    large = np.zeros((1500, 3000), np.uint8)
    large[300:600, 1500:2400] = 255
    small = shrunk(png.Pixels(3000, 1500, 1, large.tobytes()))
    assert (small.width, small.height) == (LONGEST_SIDE, LONGEST_SIDE // 2)
    scale = LONGEST_SIDE / 3000
    assert box_around(small) == pytest.approx((1500 * scale, 300 * scale, 900 * scale, 300 * scale), abs=1)


def test_a_painted_mask_lies_in_the_same_place_of_the_large_layer():
    small = painted(everything((3000, 1500), HELD), (100, 100), (200, 100), 20, MAY_MOVE)
    large = enlarged(small, (3000, 1500))
    assert (large.width, large.height) == (3000, 1500)
    assert shrunk(large) == small


def test_a_mask_that_is_small_enough_stays_as_it_is():
    mask = png.Pixels(20, 10, 1, bytes(range(200)))
    assert shrunk(mask) == mask


def test_a_stroke_of_the_brush_has_its_width_and_round_ends():
    mask = seen(painted(everything((300, 200), HELD), (100, 100), (200, 100), 20, MAY_MOVE))
    assert np.flatnonzero(mask[:, 150]).tolist() == list(range(80, 120))
    assert np.flatnonzero(mask[100])[[0, -1]].tolist() == [80, 219]
    assert mask[82, 82] == HELD


def test_a_fast_stroke_has_no_gaps():
    mask = seen(painted(everything((500, 400), HELD), (10, 10), (490, 390), 3, MAY_MOVE))
    for share in np.linspace(0, 1, 200):
        x, y = (10 + share * 480, 10 + share * 380)
        assert mask[int(y), int(x)] == MAY_MOVE


def test_the_smallest_brush_still_paints():
    assert seen(painted(everything((50, 50), HELD), (20.5, 20.5), (20.5, 20.5), 0.1, MAY_MOVE)).any()
