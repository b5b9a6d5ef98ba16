"""The moving average of a network's weights, which does better than those of any single step."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

from ..generator import Generator

Network = TypeVar("Network", bound=nn.Module)


class MovingAverage(Generic[Network]):
    """An exponential moving average over steps of a network (Karras et al. 2018, appendix)."""

    def __init__(self, network: Network, half_life: float) -> None:
        """`half_life` in steps."""
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life = half_life
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in a step; the first ones count more, so that the start is soon forgotten."""
        self.steps += 1
        half_life = min(self.half_life, 0.25 * self.steps)
        keep = 0.5 ** (1 / half_life)
        for average, value in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(value, 1 - keep)


@torch.no_grad()
def centre_w(generator: Generator, seed: int = 0, count: int = 10_000) -> None:
    """Measure the mean of W, which truncation needs."""
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    device = generator.mapping.w_avg.device
    generator.mapping.w_avg.copy_(generator.mapping.transform(z.to(device), None).mean(0))
