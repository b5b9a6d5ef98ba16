"""What the dialog draws before a drag begins, in the pixels of its small picture."""

from __future__ import annotations

import numpy as np
import pytest

from backend.client import png
from core import markers
from core.drags import Stroke
from core.sketch import Sketch, box_around, shrunk

PICTURE = png.Pixels(100, 50, 3, bytes([128]) * (100 * 50 * 3))
FOUR = Stroke(((30.0, 30.0), (130.0, 30.0), (30.0, 90.0), (130.0, 90.0)))


def a_sketch(*strokes: Stroke, mask: np.ndarray | None = None) -> Sketch:
    """Of a layer of 200 x 100 pixels at (20, 10) of the image."""
    pixels = None if mask is None else png.Pixels(200, 100, 1, mask.astype(np.uint8).tobytes())
    small = shrunk(pixels, (100, 50)) if pixels else None
    return Sketch(PICTURE, small, strokes, (20, 10), (200, 100), box_around(pixels))


def seen(picture: png.Pixels) -> np.ndarray:
    return np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 3)


def test_a_drag_is_drawn_where_it_lies_on_the_layer():
    sketch = a_sketch(Stroke(((60, 50), (180, 50))))
    picture = seen(sketch.drawn(sketch.tinted(), sketch.drags("way-points"), None))
    assert tuple(picture[20, 20]) == markers.HANDLE
    assert tuple(picture[20, 80 - markers.RADIUS + 1]) == markers.TARGET


def test_four_anchors_are_drawn_as_one_drag_or_as_two():
    sketch = a_sketch(FOUR)
    assert sketch.has_choice
    handles = [
        (seen(sketch.drawn(sketch.tinted(), sketch.drags(anchors), None)) == markers.HANDLE).all(axis=2).sum()
        for anchors in ("way-points", "separate")
    ]
    assert handles[1] > 1.5 * handles[0] > 0


def test_the_region_is_framed_and_what_is_not_selected_is_tinted():
    mask = np.zeros((100, 200))
    mask[20:60, 40:120] = 255
    sketch = a_sketch(Stroke(((60, 50), (90, 50))), mask=mask)
    assert sketch.selected == (40, 20, 80, 40)
    picture = seen(sketch.drawn(sketch.tinted(), [], (40, 20, 80, 40))).astype(int)
    assert (picture[12, 30] == picture[12, 30, 0]).all()
    assert picture[40, 5, 0] > picture[40, 5, 1]
    assert tuple(picture[10, 21]) in (markers.LINE, markers.EDGE)


@pytest.mark.parametrize("box", [(0, 0, 200, 100), (199, 99, 1, 1), (3, 0, 1, 100), (10, 20, 30, 40)])
def test_the_box_around_a_selection_holds_just_it(box: tuple[int, int, int, int]):
    x, y, width, height = box
    mask = np.zeros((100, 200), np.uint8)
    mask[y : y + height, x : x + width] = 1
    assert box_around(png.Pixels(200, 100, 1, mask.tobytes())) == box


def test_around_nothing_there_is_no_box():
    assert box_around(None) is None
    assert box_around(png.Pixels(7, 5, 1, bytes(35))) is None
