"""Samples of a generator that nobody selected, and sheets of images to look at."""

from __future__ import annotations

import torch
from torch import Tensor

from .generator import Generator

BATCH = 16


def latents(seed: int, count: int, z_dim: int) -> Tensor:
    """Normal numbers `[count, z_dim]`, the same for the same seed."""
    return torch.randn(count, z_dim, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def sheet(generator: Generator, seed: int, count: int, psi: float, columns: int) -> Tensor:
    """Samples that nobody selected, side by side: uint8 `[3, H, W]`; places without an image are white."""
    z = latents(seed, count, generator.z_dim)
    images = [to_bytes(generator.synthesis(generator.mapping(some, truncation_psi=psi))) for some in z.split(BATCH)]
    return tiled(torch.cat(images), columns)


def tiled(images: Tensor, columns: int) -> Tensor:
    """Images uint8 `[N, 3, h, w]` in rows of `columns`, uint8 `[3, H, W]`."""
    rows = -(-len(images) // columns)
    count, channels, height, width = images.shape
    filled = images.new_full((rows * columns, channels, height, width), 255)
    filled[:count] = images
    grid = filled.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return grid.reshape(channels, rows * height, columns * width)


def to_bytes(images: Tensor) -> Tensor:
    """The generator's images, nominally -1..1, as uint8."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
