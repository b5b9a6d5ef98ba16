"""Keeps geometry in the coarse layers and looks in the fine ones, by feeding each the other's business redrawn."""

from __future__ import annotations

import torch
from torch import Tensor

from stylegan2.critters.making import factors
from stylegan2.mapping import MappingNetwork

COARSE = 6  # layers, up to half of the block of 32 pixels: what the drag edits
REDRAWN = 0.7  # how often, for coarse and for fine layers each
JITTER = 0.04  # of W's spread, on every layer: images near a code look like it


def mixed_codes(mapping: MappingNetwork, z: Tensor, rng: torch.Generator) -> Tensor:
    """Codes `[N, num_ws, w_dim]` for which the image of the latents `[N, z_dim]` is the right one.

    In most, coarse layers see other looks than z's, and fine layers another geometry.
    """
    geometry = torch.zeros(z.shape[1], dtype=torch.bool, device=z.device)
    geometry[[factors.index(name) for name in factors.GEOMETRY]] = True
    coarse = mapping.transform(_redrawn(z, ~geometry, rng), None)
    fine = mapping.transform(_redrawn(z, geometry, rng), None)
    is_coarse = torch.arange(mapping.num_ws, device=z.device)[:, None] < COARSE
    ws = torch.where(is_coarse, coarse[:, None], fine[:, None])
    spread = ws.detach().std(dim=(0, 1))
    noise = torch.randn(ws.shape, generator=rng).to(ws)
    return ws + JITTER * spread * noise


def _redrawn(z: Tensor, which: Tensor, rng: torch.Generator) -> Tensor:
    """Most rows with other numbers in some columns; of the same length, or they would mean other factors."""
    z = z / z.square().mean(1, keepdim=True).sqrt()
    other = torch.randn(z.shape, generator=rng).to(z)
    length = (z * which).square().sum(1, keepdim=True) / (other * which).square().sum(1, keepdim=True)
    redraw = torch.rand(len(z), 1, generator=rng).to(z) < REDRAWN
    return torch.where(redraw & which, other * length.sqrt(), z)
