"""How the detail in a set of images is spread over the spatial frequencies."""

from __future__ import annotations

import torch
from torch import Tensor

LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green and blue, ITU-R BT.709


def power_spectrum(images: Tensor) -> Tensor:
    """Mean power of the luminance in rings of equal spatial frequency, of images uint8 `[N, 3, H, W]`.

    Entry k of `[min(H, W) / 2 + 1]` is for k cycles over the shorter side; the last one is the Nyquist frequency.
    """
    height, width = images.shape[-2:]
    size = min(height, width)
    luminance = torch.einsum("nchw,c->nhw", images.double(), torch.tensor(LUMINANCE, dtype=torch.float64))
    # A window: without it the step from one edge of the image to the opposite one covers the fine detail.
    window = torch.hann_window(height, dtype=torch.float64)[:, None] * torch.hann_window(width, dtype=torch.float64)
    power = torch.fft.fft2((luminance - luminance.mean((1, 2), keepdim=True)) * window).abs().square().mean(0)
    down, across = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    ring = ((down[:, None].square() + across.square()).sqrt() * size).round().long().flatten()
    sums = torch.zeros(int(ring.max()) + 1, dtype=torch.float64).index_add(0, ring, power.flatten())
    return (sums / ring.bincount())[: size // 2 + 1]


def spectrum_deviation(images: Tensor, others: Tensor) -> Tensor:
    """Power of images relative to that of others, in decibels, for 1, 2, ... cycles up to the Nyquist frequency."""
    return 10 * (power_spectrum(images) / power_spectrum(others)).log10()[1:]


def largest_deviation(deviation: Tensor) -> float:
    """The largest of a `spectrum_deviation`, its sign kept, up to half the Nyquist frequency.

    Beyond that there is so little power that the rounding to whole numbers counts.
    """
    half = deviation[: len(deviation) // 2]
    return float(half[half.abs().argmax()])
