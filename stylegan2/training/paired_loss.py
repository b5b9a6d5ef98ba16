"""How far generated images are from the very images they should be: colours, edges, sharpness, several scales."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE_WEIGHT = 4.0  # a pixel at a strong edge of the target image counts up to 1 + this
STRONG_EDGE = 0.25  # a difference of neighbours, sum over three colours of -1..1, that is a strong edge
COARSER_SCALES = 2
# Where a network is not sure of an edge's place, L1 and L2 are least for a blurred one. The sharpness term
# prefers a crisp edge one or two pixels beside: it asks how strong edges are in a window, not where.
DIFFERENCES, SHARPNESS = 0.25, 3.0
WINDOW = 8


def paired_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Distance of `prediction` from `target`, both float `[N, 3, H, W]` in -1..1; a scalar.

    L1 of the colours and, with less weight, of the differences of neighbours, edges weighted up; L1 of two
    coarser scales; and the difference in sharpness.
    """
    error = prediction - target
    weight = _edge_weight(target)
    loss = (weight * error.abs()).mean()
    right, down = error.diff(dim=3), error.diff(dim=2)
    loss = loss + DIFFERENCES * ((weight[..., 1:] * right.abs()).mean() + (weight[:, :, 1:] * down.abs()).mean())
    for _ in range(COARSER_SCALES):
        if min(error.shape[2:]) < 2:
            break
        error = F.avg_pool2d(error, 2)
        loss = loss + error.abs().mean()
    return loss + sharpness_loss(prediction, target)


def sharpness_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """How differently strong the edges of images float `[N, 3, H, W]` are, window by window; a scalar."""
    differences = [(_sharpness(prediction, dim) - _sharpness(target, dim)).abs().mean() for dim in (2, 3)]
    return SHARPNESS * torch.stack(differences).sum()


def _sharpness(images: Tensor, dim: int) -> Tensor:
    """Root mean square of the differences of neighbours along one direction, in overlapping windows."""
    energy = images.diff(dim=dim).square().mean(1, keepdim=True)
    window = min(WINDOW, min(energy.shape[2:]))
    return (F.avg_pool2d(energy, window, max(1, window // 2)) + 1e-4).sqrt()


@torch.no_grad()
def _edge_weight(target: Tensor) -> Tensor:
    """1 on even ground, rising to 1 + EDGE_WEIGHT around edges; `[N, 1, H, W]`."""
    strength = target.new_zeros(target.shape[0], 1, *target.shape[2:])
    right, down = (target.diff(dim=dim).abs().sum(1, keepdim=True) for dim in (3, 2))
    strength[..., 1:] += right
    strength[:, :, 1:] += down
    near = F.max_pool2d(strength, 3, stride=1, padding=1)
    return 1 + EDGE_WEIGHT * (near / STRONG_EDGE).clamp(max=1)
