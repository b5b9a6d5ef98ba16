"""The loop on the embedded model: handles arrive, pins and masks hold, only the first layers move."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch

from backend.editing.drag_loop import DragLoop, LoopStep
from backend.editing.preset import LoadedModel

HANDLE = np.array([[128.0, 140.0]])


def run(critters: LoadedModel, w_plus: torch.Tensor, goals: list[list[list[float]]], **changes: Any) -> list[LoopStep]:
    """Drag HANDLE, and pins after it, through `goals`."""
    mask = changes.pop("mask", None)
    handles = np.concatenate([HANDLE, *[np.array(goal[:1]) for goal in goals[1:]]])
    settings = dataclasses.replace(critters.preset.drag, **changes)
    loop = DragLoop(critters.model.generator, w_plus, handles, [np.array(goal) for goal in goals], mask, settings)
    return list(loop)


def test_the_handle_arrives_and_the_loop_stops_there(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    steps = run(critters, w_plus, [[[138.0, 140.0]]])
    assert steps[0].distances[0] == pytest.approx(10.0)
    assert steps[-1].arrived.all()
    assert steps[-1].distances[0] <= 2.0, "half a texel"
    assert not any(step.arrived.any() for step in steps[:-1])
    assert 3 <= len(steps) < 100


def test_only_the_first_layers_move(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    change = run(critters, w_plus, [[[148.0, 140.0]]], max_steps=2, layers=5)[-1].w_plus - w_plus
    assert (change[0, :5].abs().amax(dim=1) > 0).all()
    assert (change[0, 5:] == 0).all()


def test_in_w_the_moving_layers_move_together(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    change = run(critters, w_plus, [[[148.0, 140.0]]], max_steps=2, latent_space="W")[-1].w_plus - w_plus
    torch.testing.assert_close(change[0, :6], change[0, :1].expand(6, -1))
    assert change[0, 0].abs().max() > 0


def test_no_steps_change_nothing(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    steps = run(critters, w_plus, [[[148.0, 140.0]]], max_steps=0)
    assert len(steps) == 1
    assert torch.equal(steps[0].w_plus, w_plus)
    assert not steps[0].arrived.any()


def test_way_points_are_reached_in_order(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    steps = run(critters, w_plus, [[[128.0, 130.0], [138.0, 130.0]]], step_size=0.06)
    assert steps[0].distances[0] == pytest.approx(20.0), "the way left goes along the way-points"
    from_way_point = [math.dist(step.points[0], (128.0, 130.0)) for step in steps]
    assert min(from_way_point) <= 2.0, "up first, then to the right"
    assert steps[-1].arrived.all()


def test_after_a_way_point_the_way_goes_on_from_there(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    goals = [np.array([[128.0, 130.0], [138.0, 130.0]])]
    loop = DragLoop(critters.model.generator, w_plus, HANDLE, goals, None, critters.preset.drag)
    assert loop.handles[0].trajectory_start.tolist() == HANDLE[0].tolist()
    loop.points = torch.tensor([[128.0, 131.0]])
    next(iter(loop))
    assert loop.handles[0].trajectory_start.tolist() == [128.0, 130.0]


def test_a_pinned_point_stays_nearer_than_it_would_without_a_pin(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    pin = [[80.0, 104.0]]
    goals = [[[148.0, 140.0]]]
    pinned = run(critters, w_plus, [*goals, pin], step_size=0.06, max_steps=30)[-1]
    loop_without = run(critters, w_plus, goals, step_size=0.06, max_steps=pinned.step)[-1]
    features = critters.model.generator.synthesis.features
    start, with_pin, without = (
        features(code, block=64)[0, :, 26, 20] for code in (w_plus, pinned.w_plus, loop_without.w_plus)
    )
    assert (with_pin - start).abs().mean() < (without - start).abs().mean()


def test_a_handle_that_has_arrived_is_held_at_its_target(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    """Held where point tracking saw it, within the stop radius, it would stay that far off and creep on."""
    handles, targets = np.array([[100.0, 110.0], [128.0, 150.0]]), np.array([[100.9, 110.0], [128.0, 162.0]])
    generator, settings = critters.model.generator, dataclasses.replace(critters.preset.drag, stop_radius=1.0)
    steps = list(DragLoop(generator, w_plus, handles, list(targets[:, None]), None, settings))
    assert steps[0].arrived.tolist() == [True, False]
    assert steps[-1].arrived.all()
    assert steps[-1].distances[0] < 0.9, "where it was"


def test_outside_the_mask_the_features_change_less(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    mask = torch.zeros(256, 256)
    mask[116:200, 80:180] = 1
    masked, free = (
        run(critters, w_plus, [[[144.0, 140.0]]], step_size=0.06, max_steps=15, mask=m)[-1] for m in (mask, None)
    )
    features = critters.model.generator.synthesis.features
    start, with_mask, without = (features(code, block=64)[0, :, :26] for code in (w_plus, masked.w_plus, free.w_plus))
    assert (with_mask - start).abs().mean() < 0.5 * (without - start).abs().mean()


def test_a_drag_that_nothing_can_move_is_given_up(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    """A step size of nothing stands for whatever holds the subject back."""
    steps = run(critters, w_plus, [[[200.0, 140.0]]], step_size=1e-12)
    assert steps[-1].stuck
    assert steps[-1].step < 100
    assert not steps[-1].arrived.any()


def test_a_handle_at_its_target_and_one_on_the_way_stay_finite(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    steps = run(critters, w_plus, [[[134.0, 140.0]], [[100.0, 100.0]]], max_steps=3)
    assert steps[-1].w_plus.isfinite().all()
    assert np.isfinite(steps[-1].points).all()


def test_the_same_drag_gives_the_same_code(critters: LoadedModel, w_plus: torch.Tensor) -> None:
    first, second = (run(critters, w_plus, [[[140.0, 140.0]]], max_steps=3)[-1].w_plus for _ in range(2))
    assert torch.equal(first, second)
