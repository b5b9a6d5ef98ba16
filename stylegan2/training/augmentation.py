"""What a layer of an artist's may differ in from a generator's sample: place, light, sharpness, noise, holes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .images import through_jpeg

MOVED, SHIFT, ZOOM, ROLL = 0.5, 0.03, 0.06, 4.0  # share of the images; share of the size; of the scale; degrees
GAIN, BIAS = 0.12, 0.06  # deviations of the contrast and, for each channel, of the brightness
NOISY, NOISE = 0.4, 0.08  # share of the images, and the largest deviation
BLURRED, BLUR = 0.3, 1.5  # share of the images, and the largest deviation in pixels
PACKED, QUALITY = 0.15, (30, 90)  # share of the images that went through a JPEG file, and its quality
CUT = 0.1  # share of the images that are transparent on one side


def moved(images: Tensor, rng: torch.Generator) -> Tensor:
    """Shift, scale and roll some of the images [N, C, H, W] slightly; what comes in at the border is mirrored."""
    count, _, height, width = images.shape
    shift, zoom, roll = (_uniform(rng, count, *shape) for shape in ((2,), (), ()))
    zoom, roll = (1 + ZOOM) ** zoom, math.radians(ROLL) * roll
    rows = torch.stack([zoom * roll.cos(), -zoom * roll.sin(), zoom * roll.sin(), zoom * roll.cos()], dim=1)
    matrix = torch.cat([rows.view(count, 2, 2), 2 * SHIFT * shift[..., None]], dim=2).to(images.device)
    grid = F.affine_grid(matrix, [count, 1, height, width], align_corners=False)
    chosen = (torch.rand(count, generator=rng) < MOVED).view(-1, 1, 1, 1).to(images.device)
    return torch.where(chosen, F.grid_sample(images, grid, padding_mode="reflection", align_corners=False), images)


def relit(images: Tensor, rng: torch.Generator) -> Tensor:
    """Change contrast and colours of images [N, 3, H, W], -1 .. 1."""
    gain = 1 + GAIN * torch.randn(len(images), 1, 1, 1, generator=rng)
    bias = BIAS * torch.randn(*images.shape[:2], 1, 1, generator=rng)
    return (images * gain.to(images.device) + bias.to(images.device)).clamp(-1, 1)


def degraded(images: Tensor, rng: torch.Generator) -> Tensor:
    """Blur, spoil or pack some of the images [N, 3, H, W], -1 .. 1: their reconstruction is still the image before."""
    count = len(images)
    noise = NOISE * torch.rand(count, 1, 1, 1, generator=rng) * (torch.rand(count, 1, 1, 1, generator=rng) < NOISY)
    images = images + noise.to(images.device) * torch.randn(images.shape, generator=rng).to(images.device)
    if torch.rand((), generator=rng) < BLURRED:
        images = _blur(images, BLUR * float(torch.rand((), generator=rng)) + 0.1)
    images = images.clamp(-1, 1)
    for index in (torch.rand(count, generator=rng) < PACKED).nonzero().flatten().tolist():
        images[index] = through_jpeg(images[index], int(torch.randint(*QUALITY, (), generator=rng)))
    return images


def opacity(images: Tensor, rng: torch.Generator) -> Tensor:
    """Draw how opaque images [N, 3, H, W] are: [N, 1, H, W], 1, but 0 on one side of a line through some of them."""
    count, _, height, width = images.shape
    angle, distance = (_uniform(rng, count, 1, 1, 1) for _ in range(2))
    x, y = (torch.linspace(-1, 1, side) for side in (width, height))
    away = x * (math.pi * angle).cos() + y[:, None] * (math.pi * angle).sin()
    visible = (away < 0.3 + 0.6 * distance.abs()) | (torch.rand(count, 1, 1, 1, generator=rng) >= CUT)
    return visible.float().to(images.device)


def _uniform(rng: torch.Generator, *shape: int) -> Tensor:
    return 2 * torch.rand(shape, generator=rng) - 1


def _blur(images: Tensor, sigma: float) -> Tensor:
    reach = math.ceil(3 * sigma)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=images.device) / sigma).square())
    channels = images.shape[1]
    taps = (taps / taps.sum()).to(images).expand(channels, 1, -1)
    padded = F.pad(images, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, taps[..., None], groups=channels), taps[..., None, :], groups=channels)
