"""A result as a part of the layer, and what the layer becomes under it."""

from __future__ import annotations

import numpy as np
import pytest

from backend.editing import layers
from backend.editing.layers import changed_part, composite_over


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)


def test_the_changed_part_holds_every_pixel_that_differs() -> None:
    before = noise(100, 100)
    after = before.copy()
    after[30, 40, 3] ^= 1
    after[50, 20, 0] ^= 1
    assert changed_part(before, after) == (slice(30, 51), slice(20, 41))


def test_where_nothing_differs_the_changed_part_is_one_pixel() -> None:
    before = noise(100, 100)
    assert before[changed_part(before, before)].shape == (1, 1, 4)


def test_outside_the_mask_the_image_is_bit_for_bit_the_same() -> None:
    image, layer = noise(60, 80, 1), noise(20, 30, 2)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:10, 5:10] = 255
    result = composite_over(image, layer, mask, (40, 30))
    changed = np.zeros((60, 80), bool)
    changed[35:40, 45:50] = True
    np.testing.assert_array_equal(result[~changed], image[~changed])
    np.testing.assert_array_equal(result[changed], layer[5:10, 5:10].reshape(-1, 4))


def test_half_a_mask_over_a_cut_out_mixes_alpha_and_counts_a_colour_as_far_as_it_is_seen() -> None:
    nothing, red = np.full((1, 1, 4), (0, 255, 0, 0), np.uint8), np.full((1, 1, 4), (255, 0, 0, 255), np.uint8)
    half = np.full((1, 1), 128, np.uint8)
    assert composite_over(nothing, red, half, (0, 0))[0, 0].tolist() == [255, 0, 0, 128], "no trace of hidden green"
    assert composite_over(red, nothing, half, (0, 0))[0, 0].tolist() == [255, 0, 0, 127]


def test_a_large_layer_is_laid_over_in_strips_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    image, layer = noise(60, 80, 1), noise(40, 50, 2)
    mask = noise(40, 50, 3)[..., 0]
    at_once = composite_over(image, layer, mask, (10, 5))
    monkeypatch.setattr(layers, "STRIP", 350)
    np.testing.assert_array_equal(composite_over(image, layer, mask, (10, 5)), at_once)
