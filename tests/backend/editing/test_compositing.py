"""What is laid onto the layer: the difference, inside the changed area, inside the selection."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.editing import compositing
from backend.editing.compositing import changed_part, compose, laid_over
from backend.editing.region import Region

REGION = Region(20, 0, 100, 100, (50, 50))
LAYER_SIZE = (100, 140)
WHOLE = Region(0, 0, 100, 100, (50, 50))


@pytest.fixture
def original() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (100, 100, 4), np.uint8)


def images(change: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Inverted and edited images [3, 50, 50] that differ in a square in the middle."""
    inverted = torch.zeros(3, 50, 50)
    edited = inverted.clone()
    edited[:, 20:30, 20:30] += change
    return inverted, edited


def test_an_edit_that_changes_nothing_gives_back_the_layer_bit_for_bit(original: np.ndarray) -> None:
    inverted, _ = images()
    layer, mask = compose(original, inverted, inverted, None, REGION, LAYER_SIZE)
    np.testing.assert_array_equal(layer, original)
    assert not mask.any()


def test_a_small_difference_is_added_to_what_was_there() -> None:
    """A change of light moves nothing: original + (edited - inverted)."""
    grey = np.full((100, 100, 4), 100, np.uint8)
    inverted = torch.zeros(3, 50, 50)
    layer, mask = compose(grey, inverted, inverted + 0.08, None, WHOLE, (100, 100))
    assert mask.min() == 255
    assert np.abs(layer[..., :3].astype(int) - round(100 + 0.04 * 255)).max() <= 4


def test_where_something_new_comes_to_light_it_is_the_models() -> None:
    grey = np.full((100, 100, 4), 100, np.uint8)
    layer, mask = compose(grey, *images(1.0), None, REGION, LAYER_SIZE)
    assert abs(int(layer[50, 50, 0]) - 255) <= 2
    assert mask[50, 50] == 255
    assert (layer[:30, :30, :3] == 100).all()


def test_what_the_model_cannot_show_moves_along_and_leaves_no_ghost() -> None:
    """A disc with fine stripes; the model shows the disc only, and moves it by 6 of its pixels, 12 of the layer's."""
    y, x = np.mgrid[:100, :100] + 0.5

    def disc(at: float) -> np.ndarray:
        return np.exp(-((((x - at) ** 2 + (y - 50) ** 2) / 18**2) ** 2))

    stripes = 40 * np.sin(x * 1.5)
    picture = np.full((100, 100, 4), 255, np.uint8)
    picture[..., :3] = np.rint(40 + disc(44) * (120 + stripes))[..., None]
    before, after = (
        torch.tensor((40 + 120 * disc(at))[::2, ::2] / 127.5 - 1).float().expand(3, 50, 50) for at in (44, 56)
    )
    layer, _ = compose(picture, before, after, None, WHOLE, (100, 100))
    wanted = 40 + disc(56) * (120 + 40 * np.sin((x - 12) * 1.5))
    ghost = 40 + 120 * disc(56) + 40 * disc(44) * np.sin(x * 1.5)
    inside = disc(56) > 0.6

    def error(other: np.ndarray) -> float:
        return float(np.sqrt(((layer[..., 0] - other)[inside] ** 2).mean()))

    assert error(wanted) < 0.5 * error(ghost)


def test_the_changed_area_reaches_a_little_further_and_is_soft(original: np.ndarray) -> None:
    _, mask = compose(original, *images(), None, REGION, LAYER_SIZE)
    assert mask[40:60, 40:60].min() >= 250
    assert ((mask > 0) & (mask < 250)).any()
    assert mask[:25].max() == 0


def test_the_selection_confines_the_change_and_partly_selected_pixels_count_partly(original: np.ndarray) -> None:
    selection = np.zeros((100, 100), np.uint8)
    selection[:, 50:] = 128
    _, mask = compose(original, *images(), selection, REGION, LAYER_SIZE)
    assert mask[:, :50].max() == 0
    assert 0 < mask[50, 51] < mask[50, 59] == 128, "feathered inwards, then as far as it is selected"


def test_the_change_fades_out_where_the_region_is_cut_out_of_the_layer(original: np.ndarray) -> None:
    inverted = torch.zeros(3, 50, 50)
    _, mask = compose(original, inverted, inverted + 0.5, None, REGION, LAYER_SIZE)
    assert mask[50, 0] < 64, "the region's left side lies inside the layer"
    assert mask[0, 50] == 255, "its top is the layer's own border"


def test_the_colours_of_transparent_pixels_do_not_come_to_light() -> None:
    """A disc on nothing (with red in its transparent colours) grows: the new rim is the model's grey."""
    y, x = np.mgrid[:100, :100] + 0.5
    distance = np.hypot(x - 50, y - 50)
    picture = np.full((100, 100, 4), 255, np.uint8)
    picture[..., :3] = np.where(distance < 30, 128, 0)[..., None]
    picture[..., 0] = np.where(distance < 30, 128, 255)
    picture[..., 3] = np.where(distance < 45, 255, 0)
    picture[(distance >= 30) & (distance < 45)] = (0, 0, 0, 255)
    before, after = (torch.tensor((distance[::2, ::2] < r) - 1.0).float().expand(3, 50, 50) for r in (30, 40))
    layer, mask = compose(picture, before, after, None, WHOLE, (100, 100))
    shown = (mask > 0) & (layer[..., 3] > 0)
    assert (layer[..., 0].astype(int) - layer[..., 1])[shown].max() <= 30


def test_where_nothing_changed_far_and_wide_the_layer_is_the_original_bit_for_bit(original: np.ndarray) -> None:
    layer, mask = compose(original, *images(), None, REGION, LAYER_SIZE)
    assert (layer[35:65, 35:65] != original[35:65, 35:65]).any()
    np.testing.assert_array_equal(layer[:20], original[:20])
    np.testing.assert_array_equal(layer[:, 85:], original[:, 85:])
    assert not mask[:, 85:].any()


def test_the_changed_part_holds_every_pixel_that_differs(original: np.ndarray) -> None:
    after = original.copy()
    after[30, 40, 3] ^= 1
    after[50, 20, 0] ^= 1
    assert changed_part(original, after) == (slice(30, 51), slice(20, 41))
    assert original[changed_part(original, original)].shape == (1, 1, 4)


def test_a_layer_put_together_in_strips_has_no_seams(original: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compose(original, *images(), None, REGION, LAYER_SIZE)
    monkeypatch.setattr(compositing, "STRIP", 700)
    for one, other in zip(whole, compose(original, *images(), None, REGION, LAYER_SIZE), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1, "the last bit may differ: sums are taken in another order"


def cut_out(at: float, radius: float = 22.0) -> np.ndarray:
    """Where a round cut-out around (at, 50) is, bool [100, 100]."""
    y, x = np.mgrid[:100, :100] + 0.5
    return np.hypot(x - at, y - 50) < radius


def test_the_outline_of_a_cut_out_follows_the_drag() -> None:
    """A disc on nothing, moved by 12 pixels; the model, which knows of no transparency, shows it on black."""
    picture = np.full((100, 100, 4), (255, 0, 0, 0), np.uint8)
    picture[cut_out(44)] = (170, 170, 170, 255)
    before, after = (
        torch.tensor(np.where(cut_out(at), 170, 20)[::2, ::2] / 127.5 - 1).float().expand(3, 50, 50) for at in (44, 56)
    )
    layer, mask = compose(picture, before, after, None, WHOLE, (100, 100))
    seen = laid_over(picture, layer, mask, (0, 0))
    assert ((seen[..., 3] > 127) != cut_out(56)).mean() < 0.02, "it is where it was dragged to, and nowhere else"
    inside = cut_out(56, 18)
    assert np.abs(seen[inside][:, :3].astype(int) - 170).max() <= 20, "no colour of the transparent ground comes in"


def test_an_opaque_layer_stays_opaque(original: np.ndarray) -> None:
    original[..., 3] = 255
    layer, _ = compose(original, *images(), None, REGION, LAYER_SIZE)
    assert (layer[..., 3] == 255).all()


def test_outside_the_mask_the_picture_is_bit_for_bit_the_same() -> None:
    rng = np.random.default_rng(1)
    picture, layer = rng.integers(0, 256, (60, 80, 4), np.uint8), rng.integers(0, 256, (20, 30, 4), np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:10, 5:10] = 255
    result = laid_over(picture, layer, mask, (40, 30))
    changed = np.zeros((60, 80), bool)
    changed[35:40, 45:50] = True
    np.testing.assert_array_equal(result[~changed], picture[~changed])
    np.testing.assert_array_equal(result[changed], layer[5:10, 5:10].reshape(-1, 4))


def test_half_a_mask_over_a_cut_out_mixes_alpha_and_counts_a_colour_as_far_as_it_is_seen() -> None:
    nothing, red = np.full((1, 1, 4), (0, 255, 0, 0), np.uint8), np.full((1, 1, 4), (255, 0, 0, 255), np.uint8)
    half = np.full((1, 1), 128, np.uint8)
    assert laid_over(nothing, red, half, (0, 0))[0, 0].tolist() == [255, 0, 0, 128], "not a trace of the hidden green"
    assert laid_over(red, nothing, half, (0, 0))[0, 0].tolist() == [255, 0, 0, 127]
