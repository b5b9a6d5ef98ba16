"""Parts of the subject that the inversion has put elsewhere: an ear on a ball that the generator moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.editing.correspondence import Correspondence, find_correspondence
from backend.editing.filters import resample
from backend.editing.misplaced import follow_misplaced
from backend.editing.optical_flow import pixel_grid
from tests.backend.editing.images import edit_along, shown

SIDE = 128
WAY, RADIUS = 10.0, 24.0
GROUND, BALL, EAR = -0.6, 0.3, 0.6
X, Y = (pixel_grid(SIDE, SIDE) + 0.5).transpose(2, 0, 1)


def ball(moved: float = 0.0, ear: bool = False, ear_moved: float | None = None) -> np.ndarray:
    """A shaded ball with or without an ear on its top right, [SIDE, SIDE, 3], -1 .. 1."""
    x = X - 52 - moved
    image = np.where(np.hypot(x, Y - 70) < RADIUS, BALL + 0.3 * np.cos(x / 6) * np.cos(Y / 6), GROUND)
    if ear:
        where = X - 64 - (moved if ear_moved is None else ear_moved)
        image = np.where((np.hypot(where, Y - 42) < 9) & (image == GROUND), EAR, image)
    return np.dstack([image] * 3).astype(np.float32)


def layer_of(image: np.ndarray) -> np.ndarray:
    """The opaque layer [SIDE, SIDE, 4], 0 .. 255, of an image."""
    return np.dstack([127.5 * (image + 1), np.full((SIDE, SIDE), 255)]).astype(np.float32)


def moving(ear: bool) -> Correspondence:
    """What the generator shows: the ball moves to the right."""
    return find_correspondence(edit_along(lambda share: shown(127.5 * (ball(share * WAY, ear) + 1))))


def error(found: Correspondence, layer: np.ndarray, wanted: np.ndarray) -> float:
    """How far off the layer is around the ear, where it is believed; edges, a pixel off, do not count."""
    difference = cv2.medianBlur(np.abs(found.warp(layer) - wanted)[..., 0], 5)
    near = (np.abs(X - 68) < 24) & (np.abs(Y - 38) < 14) & (found.confidence > 0.5)
    assert near.sum() > 700
    return float(difference[near].max())


def test_an_ear_the_generator_does_not_show_moves_whole_with_what_it_sits_on() -> None:
    found, layer, wanted = moving(ear=False), ball(ear=True), ball(WAY, ear=True)
    assert error(found, layer, wanted) > 0.5, "it is torn, or stays"
    followed = follow_misplaced(found, layer_of(layer))
    assert error(followed, layer, wanted) < 0.2
    left = (np.hypot(X - 64, Y - 42) < 7) & (np.hypot(X - 64 - WAY, Y - 42) > 11) & (wanted[..., 0] == GROUND)
    assert followed.moved[left].all(), "the changed area has to cover what it leaves"


def test_an_ear_that_only_the_generator_shows_takes_no_background_along() -> None:
    found, layer = moving(ear=True), ball(ear=False)
    followed = follow_misplaced(found, layer_of(layer))
    there = np.hypot(X - 64 - WAY, Y - 40) < 6
    assert followed.confidence[there].min() > 0.9
    assert error(followed, layer, ball(WAY, ear=False)) < 0.2


def test_a_rim_that_the_generator_misses_is_not_left_behind() -> None:
    """The layer's ball is some pixels larger than the one the generator shows, and moves away."""
    found, far = moving(ear=False), np.hypot(X - 52, Y - 70)
    layer = layer_of(np.where((far < RADIUS + 4)[..., None], np.maximum(ball(), BALL), GROUND).astype(np.float32))
    left = (far > RADIUS + 2) & (far < RADIUS + 3) & (X < 40)
    assert found.confidence[left].mean() > 0.2, "traces of it would stay"
    followed = follow_misplaced(found, layer)
    assert (followed.confidence[left] == 0).all()
    assert followed.moved[left].all()


@pytest.mark.parametrize("ear", [False, True])
def test_where_both_show_the_same_nothing_is_done(ear: bool) -> None:
    found = moving(ear)
    followed = follow_misplaced(found, layer_of(ball(ear=ear)))
    for before, after in zip(found, followed, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_structured_background_is_no_misplaced_part() -> None:
    """Its stripes, which the generator does not show, differ from the background beside as much as an ear."""
    found = moving(ear=False)
    stripes = np.where((ball() == GROUND) & (X % 24 < 12)[..., None], GROUND + 0.5, ball()).astype(np.float32)
    followed = follow_misplaced(found, layer_of(stripes))
    np.testing.assert_array_equal(found.flow, followed.flow)
    np.testing.assert_array_equal(found.still, followed.still)


def test_what_is_kept_of_the_background_begins_beyond_the_outline_of_what_leaves() -> None:
    """The half transparent pixels of a cut-out's outline would stay as a dotted line."""
    smaller, far = RADIUS - 7, np.hypot(X - 52, Y - 70)
    cut_out = layer_of(np.where((far < smaller)[..., None], ball(), GROUND).astype(np.float32))
    cut_out[..., 3] = 255 * (smaller + 0.5 - far).clip(0, 1)
    followed = follow_misplaced(moving(ear=False), cut_out)
    kept = (followed.confidence == 1) & (resample(followed.still, far.shape) > 0.9) & (X < 45)
    outline = (cut_out[..., 3] > 1) & (cut_out[..., 3] < 250)
    assert (kept & ~outline).sum() > 100
    assert not (kept & outline).any()
