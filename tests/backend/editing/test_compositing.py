"""The layer after an edit: its own pixels, moved, where it changed, inside the selection."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.editing import blocks
from backend.editing.compositing import compose
from backend.editing.correspondence import EditImages
from backend.editing.layers import composite_over
from backend.editing.region import Region
from tests.backend.editing.images import edit_along, edit_of, shown

REGION = Region(20, 0, 100, 100, (50, 50))
LAYER_SIZE = (100, 140)
SIDE = 256  # of a layer with a ball on it; the model's image is half as large
START, END, RADIUS = 108.0, 136.0, 52.0  # of the ball, in pixels of the layer
Y, X = np.mgrid[:SIDE, :SIDE] + 0.5


@pytest.fixture
def original() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (100, 100, 4), np.uint8)


def composed(
    layer: np.ndarray,
    images: EditImages,
    region: Region = REGION,
    mask: np.ndarray | None = None,
    layer_size: tuple[int, int] = LAYER_SIZE,
) -> tuple[np.ndarray, np.ndarray]:
    """The first edit on a layer."""
    return compose(layer, layer, images, images.image(0.0), mask, region, layer_size)


def composed_whole(layer: np.ndarray, images: EditImages) -> tuple[np.ndarray, np.ndarray]:
    """The first edit on a layer that the region covers."""
    height, width = layer.shape[:2]
    return composed(layer, images, Region(0, 0, width, height, (height // 2, width // 2)), layer_size=(height, width))


def a_square_changes(by: float = 0.5) -> EditImages:
    """The middle of a grey image becomes lighter."""
    before = torch.zeros(3, 50, 50)
    after = before.clone()
    after[:, 20:30, 20:30] += by
    return edit_of(before, after)


def disc(at: float, radius: float = RADIUS) -> np.ndarray:
    """Where a disc around (at, SIDE / 2) is, bool [SIDE, SIDE]."""
    return np.hypot(X - at, Y - SIDE / 2) < radius


def ball(at: float) -> np.ndarray:
    """A shaded ball around (at, SIDE / 2) on a dark ground, 0 .. 255, [SIDE, SIDE]."""
    return np.where(disc(at), 150 + 50 * np.cos(np.pi * np.hypot(X - at, Y - SIDE / 2) / RADIUS), 20)


def striped(at: float, contrast: float = 40.0) -> np.ndarray:
    """An opaque layer with a ball that has fine stripes, uint8 [SIDE, SIDE, 4]."""
    grey = ball(at) + contrast * np.sin(X - at) * disc(at)
    return np.dstack([*[grey] * 3, np.full_like(grey, 255)]).round().astype(np.uint8)


def a_ball_moves() -> EditImages:
    """The model shows the ball without its stripes, on its way to the right."""

    def image(share: float) -> torch.Tensor:
        pixels = ball(START + share * (END - START))
        return shown(pixels.reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3)))

    return edit_along(image)


def test_an_edit_that_changes_nothing_gives_back_the_layer_bit_for_bit(original: np.ndarray) -> None:
    layer, mask = composed(original, edit_of(*[torch.zeros(3, 50, 50)] * 2))
    np.testing.assert_array_equal(layer, original)
    assert not mask.any()


def test_a_small_difference_is_a_change_of_light_that_is_added_to_what_was_there(original: np.ndarray) -> None:
    grey = np.full((100, 100, 4), 100, np.uint8)
    before = torch.zeros(3, 50, 50)
    layer, mask = composed_whole(grey, edit_of(before, before + 0.08))
    assert mask.min() == 255
    assert np.abs(layer[..., :3].astype(int) - round(100 + 0.04 * 255)).max() <= 4
    original[..., 3] = 255
    original[..., :3] //= 2
    layer, _ = composed_whole(original, edit_of(before, before + 0.08))
    now, then = layer[..., :3].astype(float), original[..., :3].astype(float)
    assert abs((now - then).mean() - 0.04 * 255) <= 4
    assert np.corrcoef(now.ravel(), then.ravel())[0, 1] > 0.98, "the layer's grain stays"


def test_where_something_new_comes_to_light_it_is_the_models_in_the_layers_colours() -> None:
    """The layer's grey is 27.5 levels darker than the model shows it, and so is what is painted beside it."""
    grey = np.full((100, 100, 4), 100, np.uint8)
    layer, mask = composed(grey, a_square_changes(1.0))
    assert abs(int(layer[50, 50, 0]) - (255 - 27.5)) <= 2
    assert mask[50, 50] == 255
    assert (layer[:30, :30, :3] == 100).all()


def test_what_the_model_cannot_show_moves_along_and_leaves_no_ghost() -> None:
    layer, _ = composed_whole(striped(START), a_ball_moves())
    inside = disc(END, RADIUS - 8)

    def error(wanted: np.ndarray) -> float:
        return float(np.sqrt(((layer[..., 0].astype(float) - wanted[..., 0])[inside] ** 2).mean()))

    assert error(striped(END)) < 0.5 * error(ball(END)[..., None] + striped(START) - ball(START)[..., None])
    left = disc(START, RADIUS) & ~disc(END, RADIUS + 8)
    assert np.abs(layer[..., 0].astype(int) - 20)[left].mean() < 12, "nothing of it is left where it was"


def test_the_changed_area_reaches_a_little_further_and_is_soft(original: np.ndarray) -> None:
    _, mask = composed(original, a_square_changes())
    assert mask[40:60, 40:60].min() >= 250
    assert ((mask > 0) & (mask < 250)).any()
    assert mask[:25].max() == 0


def test_the_selection_confines_the_change_and_partly_selected_pixels_count_partly(original: np.ndarray) -> None:
    selection = np.zeros((100, 100), np.uint8)
    selection[:, 50:] = 128
    _, mask = composed(original, a_square_changes(), mask=selection)
    assert mask[:, :50].max() == 0
    assert 0 < mask[50, 51] < mask[50, 59] == 128, "feathered inwards, then as far as it is selected"


def test_the_change_fades_out_where_the_region_is_cut_out_of_the_layer(original: np.ndarray) -> None:
    _, mask = composed(original, edit_of(torch.zeros(3, 50, 50), torch.full((3, 50, 50), 0.5)))
    assert mask[50, 0] < 64, "the region's left side lies inside the layer"
    assert mask[0, 50] == 255, "its top is the layer's own border"


def test_the_colours_of_transparent_pixels_do_not_come_to_light() -> None:
    """A disc on nothing (with red in its transparent colours) grows: the new rim is the model's grey."""
    y, x = np.mgrid[:100, :100] + 0.5
    distance = np.hypot(x - 50, y - 50)
    image = np.full((100, 100, 4), 255, np.uint8)
    image[..., :3] = np.where(distance < 30, 128, 0)[..., None]
    image[..., 0] = np.where(distance < 30, 128, 255)
    image[..., 3] = np.where(distance < 45, 255, 0)
    image[(distance >= 30) & (distance < 45)] = (0, 0, 0, 255)
    images = edit_of(*(shown(np.where(distance[::2, ::2] < radius, 128.0, 0.0)) for radius in (30, 40)))
    layer, mask = composed_whole(image, images)
    seen = (mask > 0) & (layer[..., 3] > 0)
    assert (layer[..., 0].astype(int) - layer[..., 1])[seen].max() <= 30


def test_where_nothing_changed_far_and_wide_the_layer_is_the_original_bit_for_bit(original: np.ndarray) -> None:
    layer, mask = composed(original, a_square_changes())
    assert (layer[35:65, 35:65] != original[35:65, 35:65]).any()
    np.testing.assert_array_equal(layer[:20], original[:20])
    np.testing.assert_array_equal(layer[:, 85:], original[:, 85:])
    assert not mask[:, 85:].any()


def test_a_layer_put_together_in_blocks_has_no_seams(original: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = composed(original, a_square_changes())
    monkeypatch.setattr(blocks, "SIDE", 24)
    for one, other in zip(whole, composed(original, a_square_changes()), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1, "the last bit may differ: sums are taken in another order"


def test_the_outline_of_a_cut_out_follows_the_drag() -> None:
    """A ball on nothing; the model, which knows of no transparency, shows it on black."""
    image = np.full((SIDE, SIDE, 4), (255, 0, 0, 0), np.uint8)
    image[disc(START)] = striped(START, contrast=0)[disc(START)]
    layer, mask = composed_whole(image, a_ball_moves())
    seen = composite_over(image, layer, mask, (0, 0))
    assert ((seen[..., 3] > 127) != disc(END)).mean() < 0.02, "it is where it was dragged to, and nowhere else"
    inside = disc(END, RADIUS - 8)
    missed = np.abs(seen.astype(int) - striped(END, contrast=0))[inside]
    assert missed.max() <= 20, "no colour of the transparent ground comes in"


def test_what_comes_to_light_behind_a_cut_out_is_transparent() -> None:
    image = np.full((SIDE, SIDE, 4), (255, 0, 0, 0), np.uint8)
    image[disc(START)] = striped(START)[disc(START)]
    layer, _ = composed_whole(image, a_ball_moves())
    assert layer[disc(START, RADIUS - 4) & ~disc(END, RADIUS + 8)][:, 3].max() < 40
    assert layer[disc(END, RADIUS - 8)][:, 3].min() > 250


def test_an_opaque_layer_stays_opaque(original: np.ndarray) -> None:
    original[..., 3] = 255
    layer, _ = composed(original, a_square_changes())
    assert (layer[..., 3] == 255).all()
    layer, _ = composed_whole(striped(START), a_ball_moves())
    assert (layer[..., 3] == 255).all()


def test_a_next_edit_moves_the_pixels_of_the_original_by_the_whole_way() -> None:
    """The layer is already a result, and soft; the ball's stripes come from the layer before, as sharp as there."""
    images, between = a_ball_moves(), START + 0.75 * (END - START)
    region = Region(0, 0, SIDE, SIDE, (SIDE // 2, SIDE // 2))
    soft = striped(between, contrast=10)
    layer, _ = compose(soft, striped(START), images, images.image(0.75), None, region, (SIDE, SIDE))
    inside = disc(END, RADIUS - 8)
    now, wanted = layer[..., 0][inside], striped(END)[..., 0][inside]
    assert np.corrcoef(now, wanted)[0, 1] > 0.9
    assert now.std() > 0.75 * wanted.std()


def test_where_a_next_edit_changes_nothing_the_result_before_stays_bit_for_bit(original: np.ndarray) -> None:
    """What the edits before it have changed is no change any more."""
    images = a_square_changes()
    result = 255 - original
    layer, mask = compose(result, original, images, images.image(1.0), None, REGION, LAYER_SIZE)
    np.testing.assert_array_equal(layer, result)
    assert not mask.any()
