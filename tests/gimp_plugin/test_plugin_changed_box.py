"""Where on the layer a picture of what has changed is laid."""

from __future__ import annotations

import numpy as np

from backend.client import png
from core.changed_box import both, changed_box


def picture(*boxes: tuple[int, int, int, int]) -> png.Pixels:
    """40 x 20 pixels, of which boxes are not transparent."""
    pixels = np.zeros((20, 40, 4), np.uint8)
    for x, y, width, height in boxes:
        pixels[y : y + height, x : x + width] = 1
    return png.Pixels(40, 20, 4, pixels.tobytes())


def test_it_is_around_all_that_has_changed_and_what_shines_beside_it():
    assert changed_box(picture((10, 5, 1, 2), (20, 8, 2, 1)), (400, 200)) == (90, 40, 140, 60)


def test_it_ends_where_the_region_does():
    assert changed_box(picture((0, 0, 40, 20)), (390, 190)) == (0, 0, 390, 190)


def test_there_is_none_where_nothing_has_changed():
    assert changed_box(picture(), (400, 200)) is None


def test_two_of_them_have_one_around_both():
    assert both((10, 10, 5, 5), (0, 12, 12, 10)) == (0, 10, 15, 12)
    assert both(None, (1, 2, 3, 4)) == both((1, 2, 3, 4), None) == (1, 2, 3, 4)
    assert both(None, None) is None
