"""How well the embedded model does what it was trained for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan2.critters.making import factors as animal_factors
from stylegan2.critters.making.renderer import render
from stylegan2.generator import Generator
from stylegan2.samples import BATCH, latents, to_bytes


@dataclass(frozen=True)
class PairedQuality:
    """Of generated images against the rendered ones that belong to the same latents."""

    psnr: Tensor  # `[N]`, dB, of values in 0..255
    sharpness: float  # gradient energy of all generated images, that of the rendered ones is 1


@torch.no_grad()
def paired_quality(generator: Generator, seed: int, count: int, spread: float = 1.0) -> PairedQuality:
    """Compare G(z) with the renderer's image of z's factors, for `count` latents from a seed.

    A spread below 1 shrinks the coordinates of z that are factors, for animals nearer to the middle.
    """
    z = latents(seed, count, generator.z_dim)
    z[:, : animal_factors.COUNT] *= spread
    psnr, energy = [], torch.zeros(2)
    for some in z.split(BATCH):
        prediction = to_bytes(generator.synthesis(generator.mapping(some)))
        target = render(animal_factors.from_latent(some), *generator.image_size)
        psnr.append(peak_signal_to_noise(prediction, target))
        energy += torch.stack([gradient_energy(prediction), gradient_energy(target)])
    return PairedQuality(torch.cat(psnr), float(energy[0] / energy[1]))


def peak_signal_to_noise(images: Tensor, others: Tensor) -> Tensor:
    """PSNR `[N]` in dB of images uint8 `[N, 3, H, W]` and others; the peak is 255."""
    return 10 * (255**2 / (images.float() - others.float()).square().mean((1, 2, 3))).log10()


def gradient_energy(images: Tensor) -> Tensor:
    """Mean squared difference of neighbouring values, across plus down, of images uint8 `[N, 3, H, W]`."""
    values = images.float()
    return values.diff(dim=-1).square().mean() + values.diff(dim=-2).square().mean()
