"""What of a live drag is laid over the layer while it moves."""

from __future__ import annotations

import numpy as np
import pytest

from backend.editing.change_preview import ChangePreview
from backend.editing.region import Region

REGION = Region(100, 50, 512, 512, (64, 64))
GREY, BRIGHTER = 120, 150  # of the model's picture, and of the layer's
SPOT = np.s_[20:30, 40:50]


def opaque(value: int, side: int) -> np.ndarray:
    return np.dstack([np.full((side, side, 3), value, np.uint8), np.full((side, side), 255, np.uint8)])


@pytest.fixture
def change() -> ChangePreview:
    """The model shows a grey picture of a layer that is a little brighter."""
    return ChangePreview(np.full((64, 64, 3), GREY, np.uint8), opaque(BRIGHTER, 512), REGION)


@pytest.fixture
def moved() -> np.ndarray:
    """What the model shows when there is something dark in a spot."""
    picture = np.full((64, 64, 3), GREY, np.uint8)
    picture[SPOT] = 20
    return picture


def test_where_nothing_has_changed_the_layer_is_seen(change: ChangePreview):
    assert not change.of(np.full((64, 64, 3), GREY + 3, np.uint8), None).any()


def test_where_something_has_moved_is_the_models_picture_in_the_layers_tones(change: ChangePreview, moved: np.ndarray):
    seen = change.of(moved, None)
    assert (seen[SPOT][..., 3] == 255).all()
    assert np.abs(seen[SPOT][..., :3].astype(int) - (20 + BRIGHTER - GREY)).max() <= 1
    assert not seen[:, :30].any(), "far from it, it is the layer"


def test_it_begins_softly_around_what_has_moved(change: ChangePreview, moved: np.ndarray):
    row = change.of(moved, None)[25, 30:41, 3].astype(int)
    assert (np.diff(row) >= 0).all()
    assert ((row > 0) & (row < 255)).any()


def test_what_may_not_move_is_seen_as_it_is(change: ChangePreview, moved: np.ndarray):
    mask = np.zeros((700, 800), np.uint8)
    mask[:, : 100 + 45 * 8] = 255
    seen = change.of(moved, mask)
    assert (seen[20:30, 40:45, 3] == 255).all()
    assert not seen[:, 45:].any()


def test_what_is_transparent_has_no_tone(moved: np.ndarray):
    part = opaque(BRIGHTER, 512)
    part[:, 256:] = 0
    seen = ChangePreview(np.full((64, 64, 3), GREY, np.uint8), part, REGION).of(moved, None)
    assert np.abs(seen[SPOT][..., :3].astype(int) - (20 + BRIGHTER - GREY)).max() <= 2
