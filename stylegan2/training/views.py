"""Views in which a generator's sample stands somewhere: what the localisation network learns from."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..localization import VIEW_SIDE, sampling_grid

SMALLEST, LARGEST = 0.2, 1.1  # sides of the sample's square, as a share of the view's
ROLL = 35.0  # degrees, either way
SUPERSAMPLED = 2  # a view is drawn so much larger, and then made smaller, so that a small sample does not alias
OTHER_BACKGROUND = 0.5  # share of the views whose background does not go on around the sample
SOFTNESS = 0.15  # of the sample's half side: how soft its edge is there


def random_places(count: int, rng: torch.Generator) -> Tensor:
    """Draw places [count, 4], all of each within the view, or as much of it as has room there."""
    log_side = torch.empty(count, 1).uniform_(math.log(SMALLEST), math.log(LARGEST), generator=rng)
    room = (1 - log_side.exp()).clamp(min=0) + 0.1 * log_side.exp()
    centre = room * (2 * torch.rand(count, 2, generator=rng) - 1)
    roll = math.radians(ROLL) * (2 * torch.rand(count, 1, generator=rng) - 1) ** 3  # most subjects stand upright
    return torch.cat([centre, log_side, roll], dim=1)


def views_of(samples: Tensor, place: Tensor, rng: torch.Generator) -> Tensor:
    """Return views [N, 3, VIEW_SIDE, VIEW_SIDE] with the samples [N, 3, h, w] at their places [N, 4]."""
    count, _, height, width = samples.shape
    side = VIEW_SIDE * SUPERSAMPLED
    grid = sampling_grid(place.to(samples), (height, width), side)
    small = F.avg_pool2d(samples, max(max(height, width) // (side // 3), 1))
    views = F.grid_sample(small, grid, padding_mode="border", align_corners=False)
    beyond = ((grid.abs().amax(dim=3) - 1) / SOFTNESS + 1).clamp(0, 1)[:, None]
    other = (torch.rand(count, 1, 1, 1, generator=rng) < OTHER_BACKGROUND).to(samples)
    return F.avg_pool2d(torch.lerp(views, _backgrounds(samples, side, rng), beyond * other), SUPERSAMPLED)


def _backgrounds(samples: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """Soft clouds in about the colours of the samples' borders, [N, 3, side, side]."""
    border = torch.cat([samples[:, :, 0], samples[..., 0], samples[..., -1]], dim=2).mean(dim=2)
    strength = 0.5 * torch.rand(len(samples), 1, 1, 1, generator=rng)
    clouds = strength * torch.randn(len(samples), 3, 4, 4, generator=rng)
    smooth = F.interpolate(clouds, (side, side), mode="bicubic", align_corners=False).to(samples)
    return (border[..., None, None] + smooth).clamp(-1, 1)
