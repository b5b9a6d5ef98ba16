"""The losses of adversarial training: who wins between generator and discriminator, and what keeps both smooth.

Sources: the non-saturating loss, Goodfellow et al. 2014, section 3; R1, Mescheder et al. 2018, equation 9;
path length, Karras et al. 2020 (StyleGAN2), section 3.2 and appendix B.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_loss(logits: Tensor) -> Tensor:
    """Non-saturating: -log sigmoid of the discriminator's logits `[N, 1]` for generated images; a scalar."""
    return F.softplus(-logits).mean()


def discriminator_loss(real: Tensor, generated: Tensor) -> Tensor:
    """-log sigmoid(real) - log(1 - sigmoid(generated)) of logits `[N, 1]`; a scalar."""
    return F.softplus(-real).mean() + F.softplus(generated).mean()


def r1_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Squared length of the discriminator's gradient at real images, `[N, 3, H, W]` that require a gradient.

    The mean over the batch; half of it times gamma is R1. Differentiable.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


class PathLength:
    """Keeps a fixed-size step in W+ a fixed-size change of the image, wherever one is in W+."""

    def __init__(self, decay: float = 0.99) -> None:
        """`decay`: how slowly the length that is aimed at follows the lengths that are found."""
        self.decay = decay
        self.target: Tensor | None = None

    def penalty(self, images: Tensor, ws: Tensor, rng: torch.Generator) -> Tensor:
        """Squared deviation of the lengths of J^T y from their running mean, for random images y; a scalar.

        `images` `[N, 3, H, W]` were made from `ws` `[N, num_ws, w_dim]`, which require a gradient; the
        result is differentiable.
        """
        noise = torch.randn(images.shape, generator=rng).to(images)
        noise = noise / math.sqrt(images.shape[2] * images.shape[3])
        (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        mean = lengths.mean().detach()
        self.target = mean if self.target is None else torch.lerp(self.target, mean, 1 - self.decay)
        return (lengths - self.target).square().mean()
