"""Grain like that of a layer: how much of it there is where, and a tile of it."""

from __future__ import annotations

import numpy as np
import pytest

from backend.editing.grain import TILE, grain_strength, grain_tile, laid

SIZE = (64, 64)  # cells
EVERYWHERE = np.ones(SIZE, np.float32)


def layer(grey: np.ndarray) -> np.ndarray:
    """An opaque layer, uint8 [H, W, 4], of these values, 0 .. 255: [H, W] or [H, W, 3]."""
    colours = np.broadcast_to(grey if grey.ndim == 3 else grey[..., None], (*grey.shape[:2], 3))
    return np.dstack([np.rint(colours).clip(0, 255), np.full(grey.shape[:2], 255)]).astype(np.uint8)


def noisy(deviation: float, side: int = 512, channels: int = 1) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal((side, side, channels))
    return layer(128 + deviation * np.broadcast_to(noise, (side, side, 3)))


def test_the_strength_of_grain_is_its_standard_deviation() -> None:
    assert np.median(grain_strength(noisy(12.0), SIZE)) == pytest.approx(12, rel=0.2)
    assert grain_strength(noisy(12.0)[:, :256], (64, 32)).shape == (64, 32)


def test_it_is_told_where_the_grain_is() -> None:
    half = noisy(12.0)
    half[:, :256, :3] = 128
    strength = grain_strength(half, SIZE)
    assert strength[:, :24].max() < 1.5
    assert strength[:, 44:].min() > 8


def test_an_edge_is_no_grain() -> None:
    y, x = np.mgrid[:512, :512]
    edges = layer(np.where(np.hypot(x - 200, y - 260) < 120, 220.0, 30.0))
    assert grain_strength(edges, SIZE).max() < 1


def test_the_tile_of_a_layer_is_always_the_same() -> None:
    image = noisy(12.0)
    strength = grain_strength(image, SIZE)
    one, other = (grain_tile(image, strength, 12.0, EVERYWHERE) for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("deviation", [2.0, 12.0])
def test_a_tile_has_no_brightness_of_its_own_and_a_standard_deviation_of_one(deviation: float) -> None:
    image = noisy(deviation)
    tile = grain_tile(image, grain_strength(image, SIZE), deviation, EVERYWHERE)
    assert tile is not None
    assert tile.shape == (TILE, TILE, 3)
    assert tile.std() == pytest.approx(1, abs=0.01)
    assert abs(tile.mean()) < 0.05


def test_a_tile_is_as_strong_as_the_grain_that_it_continues_though_the_layer_is_mottled() -> None:
    y, x = np.mgrid[:512, :512]
    mottled = noisy(6.0)
    mottled[..., :3] = (mottled[..., :3] + 40.0 * (np.sin(x / 20) * np.sin(y / 20))[..., None]).clip(0, 255)
    strength = grain_strength(mottled, SIZE)
    tile = grain_tile(mottled, strength, float(np.median(strength)), EVERYWHERE)
    assert tile is not None
    painted = layer(128 + np.median(strength) * np.tile(tile, (2, 2, 1)))
    assert np.median(grain_strength(painted, SIZE)) == pytest.approx(np.median(strength), rel=0.15)


def test_grey_grain_stays_grey_and_coloured_grain_coloured() -> None:
    grey, coloured = (
        grain_tile(image, grain_strength(image, SIZE), 12.0, EVERYWHERE)
        for image in (noisy(12.0), noisy(12.0, channels=3))
    )
    assert grey is not None
    assert coloured is not None
    assert np.abs(grey[..., 0] - grey[..., 2]).max() < 0.05
    assert np.abs(coloured[..., 0] - coloured[..., 2]).mean() > 0.3


def test_coarse_grain_gives_a_coarser_tile_than_fine_grain() -> None:
    fine = noisy(20.0)
    coarse = fine[:256:1, :256:1].repeat(2, axis=0).repeat(2, axis=1)

    def roughness(image: np.ndarray) -> float:
        tile = grain_tile(image, grain_strength(image, SIZE), 20.0, EVERYWHERE)
        assert tile is not None
        return float(np.diff(tile, axis=1).std())

    assert roughness(coarse) < 0.85 * roughness(fine)


def test_it_is_taken_from_where_it_is_to_be_like() -> None:
    image = noisy(12.0)
    image[:, :256] = noisy(12.0, channels=3)[:, :256]
    right = np.zeros(SIZE, np.float32)
    right[:, 32:] = 1
    strength = grain_strength(image, SIZE)
    grey, coloured = (grain_tile(image, strength, 12.0, where) for where in (right, 1 - right))
    assert grey is not None
    assert coloured is not None
    assert np.abs(grey[..., 0] - grey[..., 2]).max() < 0.05
    assert np.abs(coloured[..., 0] - coloured[..., 2]).mean() > 0.3


def test_a_small_layer_or_one_that_needs_none_has_no_tile() -> None:
    small = noisy(12.0, side=31)
    assert grain_tile(small, grain_strength(small, (31, 31)), 12.0, np.ones((31, 31), np.float32)) is None
    assert grain_tile(noisy(12.0), grain_strength(noisy(12.0), SIZE), 0.0, EVERYWHERE) is None


def test_tiles_repeat_across_the_plane() -> None:
    tile = np.random.default_rng(0).random((40, 40, 3)).astype(np.float32)
    part = laid(tile, slice(35, 130), slice(70, 90))
    assert part.shape == (95, 20, 3)
    np.testing.assert_array_equal(part[5:45], np.concatenate([tile[:, 30:], tile[:, :10]], axis=1))
    np.testing.assert_array_equal(part[5:45], part[45:85])
