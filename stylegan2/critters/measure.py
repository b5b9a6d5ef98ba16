"""How well the embedded model does what it was trained for, and sheets of its pictures to look at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan2.critters import factors as animal_factors
from stylegan2.critters.renderer import render
from stylegan2.generator import Generator

BATCH = 16


@dataclass(frozen=True)
class PairedQuality:
    """Of generated pictures against the rendered ones that belong to the same latents."""

    psnr: Tensor  # `[N]`, dB, of values in 0..255
    sharpness: float  # gradient energy of all generated pictures, that of the rendered ones is 1


@torch.no_grad()
def paired_quality(generator: Generator, seed: int, count: int, spread: float = 1.0) -> PairedQuality:
    """Compare G(z) with the renderer's picture of z's factors, for `count` latents from a seed.

    A spread below 1 shrinks the coordinates of z that are factors, for animals nearer to the middle.
    """
    z = latents(seed, count, generator.z_dim)
    z[:, : animal_factors.COUNT] *= spread
    psnr, energy = [], torch.zeros(2)
    for some in z.split(BATCH):
        made = to_bytes(generator.synthesis(generator.mapping(some)))
        meant = render(animal_factors.from_latent(some), *generator.image_size)
        error = (made.float() - meant.float()).square().mean((1, 2, 3))
        psnr.append(10 * (255**2 / error).log10())
        energy += torch.stack([_gradient_energy(made), _gradient_energy(meant)])
    return PairedQuality(torch.cat(psnr), float(energy[0] / energy[1]))


def latents(seed: int, count: int, z_dim: int) -> Tensor:
    """Normal numbers `[count, z_dim]`, the same for the same seed."""
    return torch.randn(count, z_dim, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def sheet(generator: Generator, seed: int, count: int, psi: float, columns: int) -> Tensor:
    """Samples that nobody selected, side by side: uint8 `[3, H, W]`; places without a picture are white."""
    z = latents(seed, count, generator.z_dim)
    made = [to_bytes(generator.synthesis(generator.mapping(some, truncation_psi=psi))) for some in z.split(BATCH)]
    return tiled(torch.cat(made), columns)


def tiled(pictures: Tensor, columns: int) -> Tensor:
    """Pictures uint8 `[N, 3, h, w]` in rows of `columns`, uint8 `[3, H, W]`."""
    rows = -(-len(pictures) // columns)
    count, channels, height, width = pictures.shape
    filled = pictures.new_full((rows * columns, channels, height, width), 255)
    filled[:count] = pictures
    grid = filled.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return grid.reshape(channels, rows * height, columns * width)


def to_bytes(images: Tensor) -> Tensor:
    """The generator's images, nominally -1..1, as uint8."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _gradient_energy(pictures: Tensor) -> Tensor:
    values = pictures.float()
    return values.diff(dim=-1).square().mean() + values.diff(dim=-2).square().mean()
