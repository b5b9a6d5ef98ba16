"""The demo's pictures: arrows where they were asked for, a layer laid over as GIMP does it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from backend.demo_pictures import ARROW, PIN, arrows_on, strip

GREY = Image.new("RGB", (70, 50), (120, 120, 120))


def colour(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """Of the pixel that the point (x, y) lies in; (0, 0) is the top left corner."""
    return tuple(np.asarray(picture)[int(y), int(x)])


def test_a_drag_is_drawn_from_its_handle_to_its_target():
    picture = arrows_on(GREY, [((10.5, 25.5), (60.5, 25.5))], [], None)
    assert colour(picture, 10, 25) == ARROW
    assert colour(picture, 40, 25) == ARROW
    assert colour(picture, 57, 25) == ARROW
    assert colour(picture, 40, 40) == (120, 120, 120)


def test_the_arrow_ends_at_the_target():
    picture = np.asarray(arrows_on(GREY, [((10.5, 25.5), (50.5, 25.5))], [], None)).astype(int)
    red = np.abs(picture - ARROW).sum(axis=2) < 40
    assert abs(np.flatnonzero(red.any(axis=0)).max() - 50) <= 2


def test_a_pin_is_a_dot_of_another_colour():
    assert colour(arrows_on(GREY, [], [(30.5, 20.5)], None), 30, 20) == PIN


def test_what_may_not_move_is_darker():
    mask = np.zeros((50, 70), np.uint8)
    mask[:, 35:] = 255
    picture = arrows_on(GREY, [], [], mask)
    assert colour(picture, 60, 25) == (120, 120, 120)
    assert colour(picture, 10, 25) < (100, 100, 100)


def test_the_strip_has_what_was_asked_above_what_came_of_it():
    blue = Image.new("RGB", (70, 50), (0, 0, 250))
    picture = strip([GREY, GREY, GREY], [blue, blue, blue], width=70)
    assert picture.size == (222, 106)
    assert colour(picture, 35, 25) == (120, 120, 120)
    assert colour(picture, 187, 81) == (0, 0, 250)
