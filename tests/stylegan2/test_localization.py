"""Localisation: a place says where an image stands in a view, and the network's views show it there."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from stylegan2.localization import VIEW_SIDE, LocalizationNetwork, sampling_grid
from stylegan2.training.views import LARGEST, SMALLEST, random_places, views_of


def place(x: float = 0.0, y: float = 0.0, side: float = 1.0, roll: float = 0.0) -> torch.Tensor:
    return torch.tensor([[x, y, math.log(side), math.radians(roll)]])


def shown(image: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    size = (image.shape[2], image.shape[3])
    return F.grid_sample(image, sampling_grid(where, size, 64), padding_mode="zeros", align_corners=False)


def centre_of(view: torch.Tensor) -> tuple[float, float]:
    """(x, y) of the bright pixels, -1 .. 1."""
    axis = (torch.arange(64) + 0.5) / 32 - 1
    bright = view[0, 0] / view.sum()
    return float((bright.sum(0) * axis).sum()), float((bright.sum(1) * axis).sum())


def test_a_place_that_fills_the_view_shows_the_image_itself() -> None:
    image = torch.rand(1, 3, 64, 64)
    assert torch.allclose(shown(image, place()), image, atol=1e-5)


def test_an_image_stands_at_its_centre_in_its_size() -> None:
    view = shown(torch.ones(1, 1, 32, 32), place(x=0.25, y=-0.5, side=0.25))
    assert centre_of(view) == pytest.approx((0.25, -0.5), abs=0.01)
    assert float(view.sum()) == pytest.approx(16**2, rel=0.05)


def test_an_upright_image_stays_upright() -> None:
    view = shown(torch.ones(1, 1, 32, 16), place(side=0.5))
    assert float(view.amax(dim=3).sum()) == pytest.approx(32, abs=1.5)
    assert float(view.amax(dim=2).sum()) == pytest.approx(16, abs=1.5)


def test_the_roll_is_clockwise() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[..., :4, 14:18] = 1  # a mark at the top
    x, y = centre_of(shown(image, place(roll=90)))
    assert x > 0.7
    assert y == pytest.approx(0, abs=0.05)


def test_places_lie_within_the_view() -> None:
    drawn = random_places(500, torch.Generator().manual_seed(1))
    side = drawn[:, 2].exp()
    assert SMALLEST <= float(side.min()) < 0.25
    assert 1 < float(side.max()) <= LARGEST
    assert bool((drawn[:, :2].abs().amax(dim=1) <= (1 - side).clamp(min=0) + 0.1 * side + 1e-6).all())


def test_a_view_shows_the_sample_at_its_place() -> None:
    samples = torch.full((8, 3, 64, 64), -1.0)
    samples[:, :, 24:40, 24:40] = 1  # a bright subject in the middle of each
    where = place(x=-0.4, y=0.3, side=0.5).expand(8, -1)
    views = views_of(samples, where, torch.Generator().manual_seed(1))
    assert views.shape == (8, 3, VIEW_SIDE, VIEW_SIDE)
    row, column = (round((value + 1) / 2 * VIEW_SIDE) for value in (0.3, -0.4))
    assert float(views[..., row, column].min()) > 0.9
    backgrounds = views[:, :, :10, -10:].mean(dim=(1, 2, 3))
    assert float(backgrounds.std()) > 0.05, "some have another background"


def test_the_network_says_four_numbers() -> None:
    assert LocalizationNetwork()(torch.zeros(2, 3, VIEW_SIDE, VIEW_SIDE)).shape == (2, 4)
