"""Motion supervision (Eq. 1 of the paper): the loss whose gradient in W+ moves the handles.

The paper writes sums; lambda = 20 belongs to means, so each handle's term is the mean over the channels and pixels
of its patch, the terms are summed over the handles, and the mask term is the mean over the channels and the map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from backend.editing.feature_map import disc, sample


class MotionSupervision:
    """The loss of one drag.

    start_features: F0 [1, C, h, w], the feature map of the starting image.
    image_size: (height, width) of the model's image; all points are (x, y) in its pixels.
    mask: [height, width] float, 1 = may move, 0 = stays, between = partly; None = everything may move.
    """

    def __init__(
        self,
        start_features: torch.Tensor,
        image_size: tuple[int, int],
        r1: float,
        mask: torch.Tensor | None,
        mask_weight: float,
    ) -> None:
        self.image_size = image_size
        self.offsets = disc(r1, start_features.device)
        self.start_features = start_features
        self.mask_weight = mask_weight
        height, width = start_features.shape[2:]
        # Reduced to the feature map once: resizing the map to the image each step costs more than the network.
        self.fixed = None if mask is None else 1 - F.adaptive_avg_pool2d(mask[None, None], (height, width))

    def patches(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """The patches Omega1 around `points` [N, 2]: [N, Q, C]."""
        return sample(features, points[:, None] + self.offsets, self.image_size)

    def move(self, features: torch.Tensor, points: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """First term: each patch is to be found one step of at most 1 px nearer to its target."""
        way = targets - points
        distance = way.norm(dim=-1, keepdim=True)
        step = way / distance.clamp(min=1.0)  # min(1 px, distance) long, and 0 rather than 0/0 at the target
        still = self.patches(features.detach(), points)
        return (still - self.patches(features, points + step)).abs().mean(dim=(1, 2)).sum()

    def hold(self, features: torch.Tensor, points: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """For pins and handles that have arrived: `patches` [N, Q, C] are to stay at `points` [N, 2]."""
        return (patches - self.patches(features, points)).abs().mean(dim=(1, 2)).sum()

    def keep(self, features: torch.Tensor) -> torch.Tensor:
        """Second term: outside the mask the feature map stays as it was at the start (0 without a mask)."""
        if self.fixed is None or self.mask_weight == 0:
            return features.new_zeros(())
        return self.mask_weight * ((features - self.start_features).abs() * self.fixed).mean()
