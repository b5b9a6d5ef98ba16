"""Motion supervision (Eq. 1 of the paper): the losses whose gradient in W+ moves the handles, and holds them.

The paper writes sums; lambda = 20 belongs to means, so each handle's term is the mean over the channels and pixels
of its patch, and the mask term is the mean over the channels and the map. The loop adds the squares of the terms.
"""

from __future__ import annotations

import torch

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
