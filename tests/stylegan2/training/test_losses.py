"""The adversarial losses and the pairs' loss, against values worked out by hand."""

from __future__ import annotations

import math

import torch
from torch import nn

from stylegan2.training.losses import PathLength, discriminator_loss, generator_loss, r1_penalty
from stylegan2.training.paired_loss import EDGE_WEIGHT, paired_loss


def test_an_undecided_discriminator_costs_the_generator_log_two():
    assert torch.isclose(generator_loss(torch.zeros(5, 1)), torch.tensor(math.log(2)))


def test_the_generator_gains_by_fooling_and_still_learns_when_it_is_found_out():
    logits = torch.tensor([[-10.0], [10.0]], requires_grad=True)
    generator_loss(logits).backward()
    assert logits.grad is not None
    found_out, fooling = logits.grad[:, 0].tolist()
    assert found_out < -0.49  # the full slope, over two images: this is what "non-saturating" is for
    assert -1e-4 < fooling < 0


def test_the_discriminator_gains_by_telling_apart():
    apart = discriminator_loss(torch.tensor([[5.0]]), torch.tensor([[-5.0]]))
    confused = discriminator_loss(torch.tensor([[-5.0]]), torch.tensor([[5.0]]))
    assert torch.isclose(apart, torch.tensor(2 * math.log1p(math.exp(-5))))
    assert confused > apart + 9


def test_r1_of_a_linear_discriminator_is_its_squared_weight():
    weight = torch.randn(3 * 4 * 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    images = torch.rand(2, 3, 4, 4, requires_grad=True)
    penalty = r1_penalty((images.flatten(1) @ weight)[:, None], images)
    assert torch.isclose(penalty, weight.square().sum())
    penalty.backward()
    assert weight.grad is not None
    assert torch.allclose(weight.grad, 2 * weight.detach())


def test_path_length_punishes_only_what_differs_from_the_usual_length():
    rng = torch.Generator().manual_seed(2)
    even = PathLength(decay=0.0)
    ws = torch.randn(4, 6, 8, generator=rng).requires_grad_(True)
    stretch = nn.Parameter(torch.ones(()))

    def images(scale: torch.Tensor) -> torch.Tensor:
        return (ws.mean((1, 2)) * scale)[:, None, None, None].expand(-1, 3, 8, 8)

    ones = torch.ones(4)
    first = even.penalty(images(ones * stretch), ws, rng)
    uneven = even.penalty(images(torch.tensor([0.1, 0.1, 4.0, 4.0]) * stretch), ws, rng)
    assert uneven > 5 * first
    uneven.backward()
    assert stretch.grad is not None
    assert float(stretch.grad) > 0


def test_equal_images_have_no_paired_loss():
    image = torch.rand(2, 3, 16, 16) * 2 - 1
    assert float(paired_loss(image, image)) == 0


def test_an_error_at_an_edge_counts_more_than_one_on_even_ground():
    wanted = torch.full((1, 3, 16, 16), -1.0)
    wanted[..., 8:] = 1.0
    at_edge, on_ground = wanted.clone(), wanted.clone()
    at_edge[..., 4:12, 8] -= 0.3
    on_ground[..., 4:12, 2] += 0.3
    ratio = paired_loss(at_edge, wanted) / paired_loss(on_ground, wanted)
    assert 2 < float(ratio) < 1 + EDGE_WEIGHT


def test_a_crisp_edge_beside_its_place_is_better_than_a_blurred_one():
    """Otherwise a network that is not quite sure of a place learns to blur."""
    wanted = torch.full((1, 3, 32, 32), -1.0)
    wanted[..., 16:] = 1.0
    beside = wanted.roll(1, 3)
    beside[..., 0] = -1.0
    columns = torch.linspace(-1, 1, 7)
    blurred = beside.clone()
    blurred[..., 14:21] = columns
    assert float(paired_loss(beside, wanted)) < float(paired_loss(blurred, wanted))
