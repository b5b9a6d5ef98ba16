"""The measures of a layer: what is a ghost, and what is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.benchmarks.layer_measures import block_errors, decibels, remains_of

SIDE = 200
NONE = np.zeros((SIDE, SIDE), np.float32)


def scene(nose: tuple[int, int] | None, edge: int = 40, strength: float = 1.0) -> np.ndarray:
    """Grey, a dark left part up to `edge`, and a red nose at (x, y) where there is one."""
    image = np.full((SIDE, SIDE, 3), 150, np.float32)
    image[:, :edge] = 60
    if nose:
        disc = np.zeros((SIDE, SIDE), np.float32)
        cv2.circle(disc, nose, 14, 1.0, -1)
        image += strength * disc[..., None] * (np.array([220, 40, 40], np.float32) - image)
    return image.round().astype(np.uint8)


SOURCE, TRUTH = scene((100, 100)), scene((150, 100))


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_nose_that_stayed_behind_is_a_ghost(strength: float) -> None:
    both = np.where(scene((100, 100), strength=strength) == scene(None), TRUTH, scene((100, 100), strength=strength))
    found = remains_of(both, SOURCE, TRUTH, NONE)
    assert found[95:106, 95:106].all()
    assert not found[:, 130:].any()


def test_an_outline_that_is_some_pixels_off_is_none() -> None:
    assert not remains_of(scene((150, 100), edge=44), SOURCE, TRUTH, NONE).any()
    assert not remains_of(scene((154, 100)), SOURCE, TRUTH, NONE)[80:120, 120:].any()


def test_the_truth_has_none_and_the_source_has_where_something_left() -> None:
    assert not remains_of(TRUTH, SOURCE, TRUTH, NONE).any()
    assert remains_of(SOURCE, SOURCE, TRUTH, NONE)[100, 100]


def test_a_block_is_compared_where_it_lies_best() -> None:
    """What is some pixels off is no error; what is not there at all is one, in its blocks."""
    assert block_errors(scene((104, 100)), SOURCE).max() < 1
    missing = block_errors(scene(None), SOURCE)
    assert missing[1:3, 1:3].max() > 100
    assert missing[0].max() == missing[3].max() == 0
    assert decibels(missing) < decibels(missing[0] + 1)
