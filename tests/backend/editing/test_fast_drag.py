"""The fast step against the plain one: the same way in float64, the same gradients and points in float32."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from backend.editing.drag_loop import DragLoop
from tests.backend.editing.networks import ONE, agree, in_windows, loops, network, scattered


@pytest.mark.parametrize("count", [1, 5])
def test_a_few_points_take_the_same_way_in_windows(count: int) -> None:
    assert in_windows(agree(network(), scattered(count), feature_block=64))


def test_twenty_points_take_the_same_way() -> None:
    agree(network(), scattered(20))


def test_points_that_stand_together_share_a_window() -> None:
    handles = np.array([[60.0, 60.0], [64.0, 60.0], [60.0, 64.0], [66.0, 65.0]])
    loop = agree(network(), (handles, list((handles + 10)[:, None])))
    assert in_windows(loop)
    plan = loop.features._planned[1]  # pyright: ignore[reportOptionalSubscript]
    assert plan is not None
    assert [len(batch[-1].top) for batch in plan.batches] == [1]


@pytest.mark.parametrize("corner", [(1.0, 1.0), (127.0, 2.0), (3.0, 126.5), (127.2, 126.0)])
def test_windows_reach_beyond_the_border(corner: tuple[float, float]) -> None:
    handles = np.array([corner])
    goals = [np.array([[0.8 * corner[0] + 13, 0.8 * corner[1] + 13]])]
    assert in_windows(agree(network(), (handles, goals)))


def test_windows_move_with_their_points() -> None:
    loop = agree(network(), (np.array([[40.0, 60.0]]), [np.array([[100.0, 60.0]])]), step_size=0.2)
    assert np.abs(loop.points.numpy() - [40.0, 60.0]).max() > 4, "two texels"


def test_pins_way_points_and_arrived_handles_are_the_same() -> None:
    handles = np.array([[70.0, 60.0], [40.0, 90.0], [90.0, 30.0]])
    goals = [np.array([[73.0, 60.0], [73.0, 75.0]]), np.array([[40.0, 90.0]]), np.array([[90.4, 30.0]])]
    assert in_windows(agree(network(), (handles, goals), stop_radius=1.0))


@pytest.mark.parametrize("block", [4, 16, 64])
def test_with_a_mask_tiles_of_the_block_before_give_the_same(block: int) -> None:
    mask = torch.zeros(128, 128)
    mask[30:90, 40:101] = 1
    agree(network(), ONE, mask, feature_block=block)


def test_with_a_mask_images_that_are_no_squares_give_the_same() -> None:
    agree(network(width=192), ONE, torch.zeros(128, 192), max_steps=11)


@pytest.mark.parametrize("block", [16, 32])
def test_earlier_feature_blocks_give_the_same(block: int) -> None:
    agree(network(), ONE, feature_block=block)


@pytest.mark.parametrize("variant", ["skip", "resnet", "orig"])
def test_every_kind_of_network_gives_the_same(variant: str) -> None:
    assert in_windows(agree(network(variant, clamp=0.8), scattered(2)))


@pytest.mark.parametrize("width", [64, 192])
def test_images_that_are_no_squares_give_the_same(width: int) -> None:
    handles = np.array([[width - 5.0, 100.0]])
    assert in_windows(agree(network(width=width), (handles, [np.array([[width - 20.0, 90.0]])])))


@pytest.mark.parametrize("changes", [{"latent_space": "W"}, {"layers": 3}, {"layers": 99}])
def test_whichever_layers_move(changes: dict[str, Any]) -> None:
    agree(network(), ONE, **changes)


@pytest.mark.parametrize("masked", [False, True])
def test_in_float32_gradients_and_tracked_points_agree_from_the_same_state(masked: bool) -> None:
    mask = torch.zeros(128, 128) if masked else None
    fast, plain = loops(network(), scattered(3), mask)
    for ours, reference in islice(zip(stepwise(fast), stepwise(plain), strict=True), 8):
        assert (ours - reference).norm() < 1e-3 * reference.norm()
        assert (fast.points - plain.points).abs().max() < 1e-3
        plain.points = fast.points.clone()
        with torch.no_grad():
            plain.code.offset.copy_(fast.code.offset)


def stepwise(loop: DragLoop) -> Iterator[torch.Tensor]:
    """The gradient of each step."""
    for _ in loop:
        if loop.code.offset.grad is not None:
            yield loop.code.offset.grad.clone()


def test_more_windows_than_the_whole_map_is_worth_are_not_taken() -> None:
    assert not in_windows(agree(network(), scattered(60, border=0), max_steps=11))
