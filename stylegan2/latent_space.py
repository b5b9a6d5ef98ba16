"""The shape of a model's W: its mean, its spread, and how far out a code lies in the model's own measure."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .generator import Generator

SAMPLES = 4096
# Directions in which W hardly varies get a floor, as a share of the largest variance, lest they weigh without bound.
SMALLEST_VARIANCE = 1e-3


class LatentSpace:
    """Statistics of W from seeded samples; those of a model with classes are of all of its classes.

    samples: [SAMPLES, w_dim];  mean: [w_dim];  spread: root mean square of the coordinates' standard deviations;
    axes: [w_dim, w_dim], the principal axes as columns;  deviation: [w_dim], the standard deviation along each.
    """

    @torch.no_grad()
    def __init__(self, generator: Generator) -> None:
        device = generator.mapping.w_avg.device
        random = torch.Generator().manual_seed(0)
        z = torch.randn(SAMPLES, generator.z_dim, generator=random)
        labels = None
        if generator.c_dim:
            classes = torch.randint(generator.c_dim, (SAMPLES,), generator=random)
            labels = F.one_hot(classes, generator.c_dim).to(device)
        self.samples = generator.mapping(z.to(device), labels)[:, 0]
        self.mean = self.samples.mean(dim=0)
        self.spread = float(self.samples.var(dim=0).mean().sqrt())
        # On the CPU: Apple's MPS has no eigenvectors.
        variance, axes = torch.linalg.eigh(torch.cov(self.samples.T.cpu()))
        self.axes = axes.to(device)
        self.deviation = variance.clamp(min=SMALLEST_VARIANCE * float(variance.max())).sqrt().to(device)

    def whiten(self, code: torch.Tensor) -> torch.Tensor:
        """Convert codes [..., w_dim] to coordinates along the principal axes, of mean 0 and deviation 1 in W."""
        return ((code - self.mean) @ self.axes) / self.deviation

    def unwhiten(self, whitened: torch.Tensor) -> torch.Tensor:
        """Convert back what whiten() gave."""
        return (whitened * self.deviation) @ self.axes.T + self.mean

    def distance(self, w_plus: torch.Tensor) -> torch.Tensor:
        """Mean squared distance [N] of the layers of `w_plus` [N, num_ws, w_dim] from the mean, in deviations.

        About 1 for a sample of W: the Mahalanobis distance, squared, per coordinate.
        """
        return self.whiten(w_plus).square().mean(dim=(1, 2))
