"""Eq. 2: handles are found again by their features, to a fraction of a pixel."""

from __future__ import annotations

import pytest
import torch

from backend.editing.feature_map import FeatureMap, square
from backend.editing.point_tracking import track

SIZE = (64, 64)


def texture(dx: float, dy: float) -> FeatureMap:
    """A feature map of 8 channels, 32 x 32, of a 64x64 image: smooth waves, moved by (dx, dy) image pixels."""
    centres = (torch.arange(32) + 0.5) * 2
    y, x = torch.meshgrid(centres - dy, centres - dx, indexing="ij")
    angles = torch.arange(8)[:, None, None] * 0.7
    waves = torch.sin((x * torch.cos(angles) + y * torch.sin(angles)) * 0.23 + angles)
    return FeatureMap.whole(waves[None], SIZE)


def track_plain(features: FeatureMap, points: torch.Tensor, templates: torch.Tensor, r2: float) -> torch.Tensor:
    """Eq. 2 as it stands: the whole-pixel step within |x| < r2, |y| < r2 whose features differ least (L1)."""
    candidates = points[:, None] + square(r2, 1.0, points.device)
    distance = (features.read(candidates) - templates[:, None]).abs().sum(dim=-1)
    return candidates[torch.arange(len(points)), distance.argmin(dim=1)]


POINTS = torch.tensor([[30.0, 34.0], [21.3, 40.7]])


@pytest.mark.parametrize("move", [(0.0, 0.0), (2.0, -1.0), (0.4, 0.7), (-3.3, 2.6)])
def test_a_moved_texture_is_followed_to_a_quarter_pixel(move: tuple[float, float]) -> None:
    templates = texture(0, 0).read(POINTS)
    found = track(texture(*move), POINTS, templates, r2=6)
    assert (found - POINTS - torch.tensor(move)).abs().max() < 0.25


def test_the_plain_tracker_finds_the_same_to_the_pixel() -> None:
    templates = texture(0, 0).read(POINTS)
    found = track_plain(texture(2.0, -3.0), POINTS, templates, r2=6)
    torch.testing.assert_close(found, POINTS + torch.tensor([2.0, -3.0]))


def test_the_sub_pixel_tracker_is_nearer_than_the_plain_one() -> None:
    templates, move = texture(0, 0).read(POINTS), torch.tensor([0.45, -0.4])
    fine, plain = (method(texture(0.45, -0.4), POINTS, templates, 6) - POINTS - move for method in (track, track_plain))
    assert fine.norm(dim=1).max() < 0.5 * plain.norm(dim=1).max()


def test_nothing_beyond_r2_is_looked_at() -> None:
    templates = texture(0, 0).read(POINTS)
    for method in (track, track_plain):
        assert (method(texture(9, 0), POINTS, templates, 4) - POINTS).abs().max() < 4


def test_a_flat_map_leaves_finite_points() -> None:
    flat = FeatureMap.whole(torch.ones(1, 8, 32, 32), SIZE)
    assert track(flat, POINTS, flat.read(POINTS), 6).isfinite().all()


def edge(dy: float, drift: float) -> FeatureMap:
    """A horizontal edge that moved down by dy image pixels.  Along it the map hardly changes: it `drift`s sideways."""
    centres = (torch.arange(32) + 0.5) * 2
    y, x = torch.meshgrid(centres - dy, centres - drift, indexing="ij")
    other_light = torch.full_like(x, 0.025 * drift)
    return FeatureMap.whole(
        torch.stack([torch.tanh((y - 32) / 4), torch.sin(y / 9), 0.003 * x, other_light])[None], SIZE
    )


def test_a_point_of_an_edge_keeps_to_its_way() -> None:
    handle, target = torch.tensor([[30.0, 32.0]]), torch.tensor([[30.0, 48.0]])
    templates = edge(0, 0).read(handle)
    free = track(edge(3, 4), handle, templates, 6)
    held = track(edge(3, 4), handle, templates, 6, trajectories=torch.stack([handle, target], dim=1))
    assert free[0].tolist() == pytest.approx([34, 35], abs=0.5)
    assert held[0].tolist() == pytest.approx([30, 35], abs=1.5)


def test_a_point_that_clearly_left_its_way_is_followed() -> None:
    templates = texture(0, 0).read(POINTS)
    trajectories = torch.stack([POINTS, POINTS + torch.tensor([0.0, 16.0])], dim=1)
    found = track(texture(3, 1), POINTS, templates, 6, trajectories)
    assert (found - POINTS - torch.tensor([3.0, 1.0])).abs().max() < 0.25


def test_the_way_of_a_pin_leaves_it_free() -> None:
    templates = texture(0, 0).read(POINTS)
    free = track(texture(2, -1), POINTS, templates, 6)
    pinned = track(texture(2, -1), POINTS, templates, 6, trajectories=torch.stack([POINTS, POINTS], dim=1))
    torch.testing.assert_close(pinned, free)


def test_points_stay_inside_the_image() -> None:
    edge = torch.tensor([[0.5, 0.5], [63.5, 63.5]])
    templates = texture(0, 0).read(edge)
    found = track(texture(-5, -5), edge, templates, 8)
    assert found.min() >= 0
    assert found.max() <= 64


@pytest.mark.parametrize(("r2", "texels"), [(0.1, 32), (2.0, 4), (12.0, 4)])
def test_a_search_smaller_than_a_texel_looks_at_the_neighbours(r2: float, texels: int) -> None:
    waves = texture(0, 0).texels.T.reshape(1, 8, 32, 32)
    features = FeatureMap.whole(torch.nn.functional.avg_pool2d(waves, 32 // texels), SIZE)
    templates = features.read(POINTS)
    found = track(features, POINTS, templates, r2)
    assert (found - POINTS).abs().max() < 0.5 * 64 / texels
