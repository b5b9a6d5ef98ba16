"""The three examples ask for changes one can see, with points that lie where they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylegan2.critters.making import renderer
from stylegan2.critters.making.examples import EXAMPLES, HEIGHT, WIDTH, Example
from stylegan2.critters.making.factors import GEOMETRY, index

each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def test_there_is_a_turned_head_longer_ears_and_an_open_mouth():
    assert [example.factor for example in EXAMPLES] == ["yaw", "ear length", "mouth open"]


@each
def test_the_picture_is_700_by_500_and_its_factors_are_moderate(example: Example):
    picture = example.picture()
    assert picture.shape == (HEIGHT, WIDTH, 3) == (500, 700, 3)
    assert picture.dtype == np.uint8
    pose = [index(name) for name in GEOMETRY]
    assert example.factors[pose].min() >= 0.2
    assert example.factors[pose].max() <= 0.8


@each
def test_only_the_named_factor_changes(example: Example):
    changes = example.factors_at(example.asked) - example.factors
    assert changes.nonzero()[:, 0].tolist() == [index(example.factor)]


@each
def test_handles_move_at_least_an_eighth_of_the_heads_width_and_stay_in_sight(example: Example):
    for (x, y), (to_x, to_y) in example.drags:
        assert np.hypot(to_x - x, to_y - y) >= 0.12 * example.head_width
    for value in (example.start, example.asked):
        _, visible = renderer.landmarks(example.factors_at(value)[None], HEIGHT, WIDTH)
        assert all(visible[0, renderer.landmark(name)] for name in (*example.handles, *example.pinned))


@each
def test_pins_are_places_that_the_asked_change_leaves_where_they_are(example: Example):
    points, _ = renderer.landmarks(example.factors_at(example.asked)[None], HEIGHT, WIDTH)
    for name, pin in zip(example.pinned, example.pins, strict=True):
        assert torch.dist(points[0, renderer.landmark(name)], torch.tensor(pin)) < 1


@each
def test_the_mask_holds_handles_and_targets_and_most_of_what_the_asked_change_changes(example: Example):
    mask = example.mask()
    if mask is None:
        return
    assert mask.shape == (HEIGHT, WIDTH)
    assert set(np.unique(mask)) == {0, 255}
    for point in (point for drag in example.drags for point in drag):
        assert mask[int(point[1]), int(point[0])]
    for x, y in example.pins:
        assert not mask[int(y), int(x)]
    changes = np.abs(example.picture().astype(int) - example.picture(example.asked)).max(2) > 16
    assert (changes & (mask > 0)).sum() > 0.8 * changes.sum()
