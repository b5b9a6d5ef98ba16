"""The mask's term of Eq. 1: what it asks for, whichever tiles of the map a step looks at."""

from __future__ import annotations

import pytest
import torch

import stylegan2
from backend.editing.mask_loss import AT_A_TIME, MaskLoss, Tiles
from stylegan2.architecture import generator_architecture
from stylegan2.feature_synthesis import FeatureSynthesis

SIDE = 64
MAP = 32


@pytest.fixture(scope="module")
def synthesis() -> FeatureSynthesis:
    """The 32 x 32 block of a small random network for images of 64 pixels."""
    torch.manual_seed(3)
    architecture = generator_architecture(z_dim=8, w_dim=8, img_resolution=SIDE, channel_base=256, channel_max=8)
    generator = stylegan2.Generator(architecture).eval().requires_grad_(False)
    return FeatureSynthesis(generator.synthesis, code(0), 6, MAP)


def code(seed: int) -> torch.Tensor:
    return torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(seed)).repeat(1, 2, 1)


def over_all_tiles(synthesis: FeatureSynthesis, mask: torch.Tensor) -> float:
    """The mean of the loss over as many steps as it takes for each tile to have its turn."""
    loss = MaskLoss(synthesis, code(0)[:, :6], mask, weight=20.0)
    count = max(len(loss.tiles._boxes) // AT_A_TIME, 1)
    return sum(float(loss(code(1)[:, :6])) for _ in range(count)) / count


def change(synthesis: FeatureSynthesis) -> torch.Tensor:
    """How much each texel of the map changes, mean over the channels: [32, 32]."""
    before, after = (synthesis.features(code(seed)[:, :6]) for seed in (0, 1))
    return (after - before).abs().mean(dim=1)[0]


def test_where_nothing_may_move_it_is_lambda_times_the_mean_over_channels_and_map(synthesis: FeatureSynthesis) -> None:
    expected = 20 * float(change(synthesis).mean())
    assert over_all_tiles(synthesis, torch.zeros(SIDE, SIDE)) == pytest.approx(expected, rel=1e-4)


def test_only_changes_outside_the_mask_cost(synthesis: FeatureSynthesis) -> None:
    mask = torch.zeros(SIDE, SIDE)
    mask[:, : SIDE // 2] = 1
    expected = 20 * float(change(synthesis)[:, MAP // 2 :].sum()) / MAP**2
    assert over_all_tiles(synthesis, mask) == pytest.approx(expected, rel=1e-4)
    assert over_all_tiles(synthesis, torch.ones(SIDE, SIDE)) == 0


def test_a_half_selected_pixel_costs_half(synthesis: FeatureSynthesis) -> None:
    expected = 10 * float(change(synthesis).mean())
    assert over_all_tiles(synthesis, torch.full((SIDE, SIDE), 0.5)) == pytest.approx(expected, rel=1e-4)


def test_at_the_start_it_is_nothing(synthesis: FeatureSynthesis) -> None:
    loss = MaskLoss(synthesis, code(0)[:, :6], torch.zeros(SIDE, SIDE), weight=20.0)
    assert float(loss(code(0)[:, :6])) < 1e-4


def test_each_tile_has_its_turn_in_the_same_order_each_time() -> None:
    weight = torch.zeros(32, 48)
    weight[:, 10:] = 1
    first, second = Tiles(weight), Tiles(weight)
    steps = [first.next() for _ in range(10)]
    assert steps == [second.next() for _ in range(10)]
    boxes = [box for boxes, _ in steps for box in boxes]
    assert len(set(boxes)) == len(boxes) == 20
    assert (0, 0, 8, 8) not in boxes
    assert {share for _, share in steps} == {0.1}


def test_a_few_tiles_are_looked_at_in_each_step() -> None:
    weight = torch.zeros(32, 32)
    weight[30:, 20:] = 0.1
    tiles = Tiles(weight)
    assert [sorted(boxes) for boxes, share in (tiles.next(), tiles.next())] == [[(24, 16, 8, 8), (24, 24, 8, 8)]] * 2
