"""How far a generated image is from the target of an inversion."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

import stylegan2

PYRAMID_LEVELS = 4
DISCRIMINATOR_WEIGHT = 0.1


class ReconstructionLoss:
    """Mean squared error at several scales, and discriminator features.

    The features cost as much again as the pixels: an inversion does without them (the same PSNR in the end, measured on
    the embedded model), a tuning does not.
    """

    def __init__(self, model: stylegan2.Model, target: torch.Tensor, weight: torch.Tensor) -> None:
        """Args:
        model: whose discriminator is used, where it has one.
        target: [1, 3, H, W], -1 .. 1, of the size of the model's image.
        weight: [1, 1, H, W], 0 .. 1, how much a pixel counts (its alpha).
        """
        self.discriminator, self.target, self.weight = model.discriminator, target, weight
        self._smaller: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._target_features: list[torch.Tensor] | None = None  # known once and for all where nothing is transparent

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """The loss of `image` [1, 3, H, W]."""
        loss = self.pixel_loss(image)
        return loss if self.discriminator is None else loss + DISCRIMINATOR_WEIGHT * self.feature_loss(image)

    def pixel_loss(self, image: torch.Tensor) -> torch.Tensor:
        """The part of the loss that compares pixels; of a draft [1, 3, h, w], too, without the scales it lacks."""
        return torch.stack([error.square().mean() for error in self._errors(image)]).sum()

    def probe(self, image: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """A random sum of the errors of which pixel_loss() is the sum of squares.

        The mean square of its derivative by anything is half of the loss's second one, but for what bends the errors
        themselves (Gauss-Newton, with the diagonal by Hutchinson's trick).
        """
        terms = []
        for error in self._errors(image):
            noise = torch.randn(error.shape, generator=random).to(error.device)
            terms.append((error * noise).sum() / math.sqrt(error.numel()))
        return torch.stack(terms).sum()

    def _errors(self, image: torch.Tensor) -> list[torch.Tensor]:
        """What is squared: the difference of an image at each scale, where it counts."""
        target, weight = self._at_size_of(image)
        difference = (image - target) * (weight / weight.mean().sqrt())
        levels = max(min(PYRAMID_LEVELS, int(math.log2(min(image.shape[2:]))) - 2), 1)
        return [F.avg_pool2d(difference, 2**level) for level in range(levels)]

    def _at_size_of(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Target and weight at the size of an image."""
        size = (image.shape[2], image.shape[3])
        if size not in self._smaller:
            weight = F.adaptive_avg_pool2d(self.weight, size)
            target = F.adaptive_avg_pool2d(self.target * self.weight, size) / weight.clamp(min=1e-6)
            self._smaller[size] = target, weight
        return self._smaller[size]

    def feature_loss(self, image: torch.Tensor) -> torch.Tensor:
        """The part of the loss that compares the discriminator's features."""
        assert self.discriminator is not None
        target = self._target_features or self._filled_features(image)
        if bool((self.weight == 1).all()):
            self._target_features = target
        prediction = self.discriminator.features(image)
        terms = [
            (a - b).square().mean(dim=(1, 2, 3)) / b.square().mean() for a, b in zip(prediction, target, strict=True)
        ]
        return torch.stack(terms).mean(dim=0)

    @torch.no_grad()
    def _filled_features(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Features of the target, its transparent pixels filled with the image's own, so that they say nothing."""
        assert self.discriminator is not None
        return self.discriminator.features(torch.lerp(image, self.target, self.weight))


def psnr(image: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB over the pixels that count; both images -1 .. 1, the first one clamped."""
    error = ((image.clamp(-1, 1) - target).square() * weight).sum() / (3 * weight.sum())
    return float(10 * torch.log10(4 / error.clamp(min=1e-10)))
