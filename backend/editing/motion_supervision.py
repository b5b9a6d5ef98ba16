"""Motion supervision (Eq. 1 of the paper): the loss whose gradient in W+ moves the handles.

The paper writes sums; lambda = 20 belongs to means, so each handle's term is the mean over the channels and pixels
of its patch, the terms are summed over the handles, and the mask term is the mean over the channels and the map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from backend.editing.feature_map import disc, sample


class MotionSupervision:
    """The terms of one drag's loss. All points are (x, y) in pixels of the model's image."""

    def __init__(
        self,
        start_features: torch.Tensor,
        image_size: tuple[int, int],
        r1: float,
        mask: torch.Tensor | None,
        mask_weight: float,
    ) -> None:
        """Keep the features of the start.

        Args:
            start_features: F0 [1, C, h, w], the feature map of the starting image.
            image_size: (height, width) of the model's image.
            r1: radius of the patch around a handle, in its pixels.
            mask: float [height, width], 1 = may move, 0 = stays, between = partly; None = everything may move.
            mask_weight: lambda of Eq. 1.
        """
        self.image_size = image_size
        self.offsets = disc(r1, start_features.device)
        self.start_features = start_features
        self.mask_weight = mask_weight
        height, width = start_features.shape[2:]
        # Reduced to the feature map once: resizing the map to the image each step costs more than the network.
        self.outside_mask = None if mask is None else 1 - F.adaptive_avg_pool2d(mask[None, None], (height, width))

    def patches(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Read the patches Omega1 around `points` [N, 2]: [N, Q, C]."""
        return sample(features, points[:, None] + self.offsets, self.image_size)

    def motion_loss(self, features: torch.Tensor, points: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the first term of Eq. 1: each patch is pulled one step of at most 1 px towards its target."""
        offset = targets - points
        distance = offset.norm(dim=-1, keepdim=True)
        step = offset / distance.clamp(min=1.0)  # min(1 px, distance) long, and 0 rather than 0/0 at the target
        reference = self.patches(features.detach(), points)  # no gradient: the patch moves, not what it moves to
        return (reference - self.patches(features, points + step)).abs().mean(dim=(1, 2)).sum()

    def pin_loss(self, features: torch.Tensor, points: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Return what keeps `patches` [N, Q, C] at `points` [N, 2]: those of pins and of handles that have arrived."""
        return (patches - self.patches(features, points)).abs().mean(dim=(1, 2)).sum()

    def mask_loss(self, features: torch.Tensor) -> torch.Tensor:
        """Return the second term of Eq. 1: outside the mask the features stay as at the start (0 without a mask)."""
        if self.outside_mask is None or self.mask_weight == 0:
            return features.new_zeros(())
        return self.mask_weight * ((features - self.start_features).abs() * self.outside_mask).mean()
