"""Polyak's steps: as long as it takes, never longer than allowed, and steadier with the steps before."""

from __future__ import annotations

import torch

from backend.editing.polyak import MOMENTUM, PolyakSteps

SLOPE = torch.tensor([0.5, -2.0, 0.0])


def loss_of(code: torch.Tensor) -> torch.Tensor:
    """Half the square of a term that is 3 at 0 and falls along SLOPE."""
    return (3 - code @ SLOPE).square() / 2


def stepped(longest: float, steps: int = 1) -> tuple[torch.Tensor, list[float]]:
    """The code after some steps from 0, and the loss before each and after the last."""
    code = torch.zeros(3, requires_grad=True)
    optimizer, losses = PolyakSteps(code, longest), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(code)
        loss.backward()
        optimizer.step(loss.detach())
        losses.append(float(loss.detach()))
    return code.detach(), [*losses, float(loss_of(code).detach())]


def test_the_first_step_does_away_with_a_term_by_the_smallest_change() -> None:
    code, losses = stepped(longest=10.0)
    assert losses[-1] < 1e-10
    torch.testing.assert_close(code, 3 * SLOPE / SLOPE.square().sum())


def test_a_step_is_never_longer_than_allowed() -> None:
    code, losses = stepped(longest=0.1)
    torch.testing.assert_close(code.square().mean().sqrt(), torch.tensor(0.1))
    assert 0 < losses[1] < losses[0]


def test_a_step_keeps_a_share_of_the_steps_before() -> None:
    _, losses = stepped(longest=10.0, steps=2)
    past = MOMENTUM * (1 - MOMENTUM) / (1 - MOMENTUM**2)  # the weight of the first step in the second
    torch.testing.assert_close(losses[2], 4.5 * past**2)


def test_where_nothing_pulls_nothing_moves() -> None:
    code = torch.ones(3, requires_grad=True)
    optimizer = PolyakSteps(code, 1.0)
    code.grad = torch.zeros(3)
    optimizer.step(torch.tensor(0.0))
    assert code.tolist() == [1.0, 1.0, 1.0]
