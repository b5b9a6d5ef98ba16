"""Motion supervision (Eq. 1 of the paper): the losses whose gradient in W+ moves the handles.

The paper writes sums; lambda = 20 belongs to means, so each handle's term is the mean over the channels and pixels
of its patch, and the mask term is the mean over the channels and the map. The loop adds the squares of the terms.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from backend.editing.feature_map import FeatureMap, disc

PULL = 0.25  # share of the way left that a patch is pulled in a step
SHORTEST, LONGEST = 1.0, 3.0  # pixels that it is pulled at least and at most; the paper pulls it by 1


class MotionSupervision:
    """The terms of one drag's loss that are of its handles. All points are (x, y) in pixels of the model's image."""

    def __init__(self, r1: float, device: torch.device) -> None:
        """Choose the patch: r1 is its radius around a handle, in pixels."""
        self.offsets = disc(r1, device)

    def patches(self, features: FeatureMap, points: torch.Tensor) -> torch.Tensor:
        """Read the patches Omega1 around `points` [N, 2]: [N, Q, C]."""
        return features.read(points[:, None] + self.offsets)

    def motion_loss(self, features: FeatureMap, points: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return what each handle [N] adds to the first term of Eq. 1: its patch is pulled towards its target."""
        offset = targets - points
        distance = offset.norm(dim=-1, keepdim=True)
        pull = (PULL * distance).clamp(SHORTEST, LONGEST)
        step = offset / (distance / pull).clamp(min=1.0)  # no farther than the target, and 0 rather than 0/0 there
        reference = self.patches(features.detach(), points)  # no gradient: the patch moves, not what it moves to
        return (reference - self.patches(features, points + step)).abs().mean(dim=(1, 2))

    def pin_loss(self, features: FeatureMap, points: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Return what keeps `patches` [N, Q, C] of pins and of arrived handles at `points` [N, 2]: [N]."""
        return (patches - self.patches(features, points)).abs().mean(dim=(1, 2))


class MaskLoss:
    """The second term of Eq. 1: outside the mask the features stay as at the start."""

    def __init__(self, start_features: FeatureMap, mask: torch.Tensor, weight: float) -> None:
        """Keep the features of the start.

        Args:
            start_features: F0, the whole feature map of the starting image.
            mask: float [height, width], 1 = may move, 0 = stays, between = partly.
            weight: lambda of Eq. 1.
        """
        self.start_texels = start_features.texels
        # Reduced to the feature map once: resizing the map to the image each step costs more than the network.
        self.weight = (1 - _texel_means(mask, start_features.map_size)) * (weight / start_features.texels.numel())

    def __call__(self, features: FeatureMap) -> torch.Tensor:
        """Return it for the whole feature map of a step."""
        return _WeightedL1.apply(features.texels, self.start_texels, self.weight)


def _texel_means(mask: torch.Tensor, map_size: tuple[int, int]) -> torch.Tensor:
    """Reduce a mask [height, width] to the feature map: [h * w, 1]."""
    return F.adaptive_avg_pool2d(mask[None, None], map_size).reshape(-1, 1)


class _WeightedL1(torch.autograd.Function):
    """sum(weight |x - y|) with a gradient to x, in few passes over these large arrays and with one copy of them."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        difference = x - y
        total = (torch.linalg.vector_norm(difference, ord=1, dim=1) * weight[:, 0]).sum()
        ctx.save_for_backward(difference.sign_().mul_(weight))
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        return ctx.saved_tensors[0] * grad_outputs[0], None, None
