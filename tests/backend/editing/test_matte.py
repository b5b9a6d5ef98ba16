"""How much of each pixel of the generator's image is subject: a disc before a ground, and what looks like either."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.editing.correspondence import Correspondence, find_correspondence
from backend.editing.matte import end_matte, start_matte
from backend.editing.optical_flow import pixel_grid
from tests.backend.editing.images import edit_along, shown

SIDE = 128
RADIUS, START, END = 20.0, 44.0, 84.0
GROUND, DISC = 90.0, 200.0


def disc(at: float, radius: float = RADIUS) -> np.ndarray:
    """How far a disc around (at, SIDE / 2) covers each pixel, [SIDE, SIDE]."""
    x, y = (pixel_grid(SIDE, SIDE) + 0.5).transpose(2, 0, 1)
    return (radius + 0.5 - np.hypot(x - at, y - SIDE / 2)).clip(0, 1)


def image(at: float, halo: float = 0.0, spot: float = 0.0) -> np.ndarray:
    """The disc, with a ring of another colour around it, and a spot of the ground's colour in it: 0 .. 255."""
    ground = GROUND + halo * disc(at, RADIUS + 6)
    covered = disc(at) - spot * disc(at, 6)
    return covered * DISC + (1 - covered) * ground


def moving(halo: float = 0.0, spot: float = 0.0) -> Correspondence:
    return find_correspondence(edit_along(lambda share: shown(image(START + share * (END - START), halo, spot))))


def layer(grey: np.ndarray) -> np.ndarray:
    return np.dstack([*[grey] * 3, np.full_like(grey, 255)]).astype(np.float32)


@pytest.mark.parametrize(("halo", "spot"), [(0.0, 0.0), (15.0, 0.0), (0.0, 1.0)], ids=["plain", "halo", "spot"])
def test_all_of_the_subject_is_covered_and_nothing_else(halo: float, spot: float) -> None:
    found = moving(halo, spot)
    before, after = start_matte(found, layer(image(START))), end_matte(found, layer(image(END)))
    for matte, at in ((before, START), (after, END)):
        covered = matte.coverage > 0.5
        assert (covered & (cv2.dilate(disc(at), np.ones((3, 3))) == 0)).sum() == 0
        assert (~covered & (cv2.erode(disc(at), np.ones((3, 3))) == 1)).sum() == 0


def test_at_the_outline_a_pixel_is_covered_in_part() -> None:
    found = moving()
    coverage = end_matte(found, layer(image(END))).coverage
    error = np.abs(coverage - disc(END))
    assert error.mean() < 0.01
    assert error.max() < 0.6
    assert ((coverage > 0.1) & (coverage < 0.9)).any()


def test_the_subjects_colours_go_on_beyond_its_outline() -> None:
    found = moving()
    colours = 127.5 * (end_matte(found, layer(image(END))).subject_colours + 1)
    near = (disc(END) < 0.5) & (disc(END, RADIUS + 2) > 0.5)
    assert np.abs(colours[near] - DISC).max() < 25
