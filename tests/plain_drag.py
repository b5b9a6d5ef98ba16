"""The plain drag step: the whole image, and the feature map enlarged to it, in every step, as released code has it.

What the fast step has to agree with, and is timed against. They share the bookkeeping of handles and targets, and the
formulas for what was read; not where features are computed, how, and how they are read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.drag_loop import DragLoop
from backend.editing.feature_map import FeatureMap
from backend.editing.settings import DragSettings


@dataclasses.dataclass(frozen=True, eq=False)
class EnlargedMap(FeatureMap):
    """A whole map and the same enlarged, one value for each pixel of the image.

    It reaches from the centre of the first texel to that of the last, with the texels' centres among its values: so
    reading between them is the same as reading the map.
    """

    enlarged: torch.Tensor = dataclasses.field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def of(cls, features: torch.Tensor, image_size: tuple[int, int]) -> EnlargedMap:
        """Enlarge a map [1, C, h, w]."""
        size = (features.shape[2], features.shape[3])
        pixels = [(count - 1) * (length // count) + 1 for count, length in zip(size, image_size, strict=True)]
        enlarged = F.interpolate(features, size=pixels, mode="bilinear", align_corners=True)
        return cls(features[0].flatten(1).T, size, image_size, None, enlarged)

    def detach(self) -> EnlargedMap:
        return dataclasses.replace(self, enlarged=self.enlarged.detach())

    def read(self, points: torch.Tensor) -> torch.Tensor:
        (height, width), (rows, columns) = self.enlarged.shape[2:], self.map_size
        last = points.new_tensor([width - 1, height - 1])
        texel = points.new_tensor([self.image_size[1] / columns, self.image_size[0] / rows])
        place = torch.minimum((points - texel / 2).clamp(min=0), last)
        read = F.grid_sample(self.enlarged, (place * 2 / last - 1).reshape(1, 1, -1, 2), align_corners=True)
        return read[0, :, 0].T.reshape(*points.shape[:-1], -1)


def enlarged_map(generator: stylegan2.Generator, ws: torch.Tensor, feature_block: int) -> EnlargedMap:
    """Make the whole image of `ws` [1, num_ws, w_dim], and enlarge the feature map to it."""
    synthesis = generator.synthesis
    last = synthesis.num_ws_until(feature_block)
    features = image = None
    for count, block, x in synthesis._run(ws, "const"):
        image = block.add_colours(image, x, ws[:, count])
        features = x if count == last else features
    assert features is not None
    return EnlargedMap.of(features, generator.image_size)


class PlainMaskLoss:
    """The mask term of Eq. 1 written out.

    Released code compares what is outside the mask at the size of the image. That is another loss than that of the
    map's own texels, and slower: `enlarged` does it, to be timed.
    """

    def __init__(self, start: EnlargedMap, mask: torch.Tensor, weight: float, enlarged: bool) -> None:
        self.start, self.weight, self.enlarged = start, weight, enlarged
        height, width = start.enlarged.shape[2:] if enlarged else start.map_size
        self.outside = 1 - F.adaptive_avg_pool2d(mask[None, None], (height, width))

    def __call__(self, features: Any) -> torch.Tensor:
        if self.enlarged:
            change = features.enlarged - self.start.enlarged
        else:
            change = (features.texels - self.start.texels).T.reshape(1, -1, *features.map_size)
        return self.weight * (change.abs() * self.outside).mean()


class PlainDragLoop(DragLoop):
    """A drag by plain steps; its arguments are those of a DragLoop."""

    def __init__(
        self,
        generator: stylegan2.Generator,
        w_plus: torch.Tensor,
        handles: np.ndarray,
        goals: Sequence[np.ndarray],
        mask: torch.Tensor | None,
        settings: DragSettings,
        *,
        enlarged_mask: bool = False,
    ) -> None:
        self.generator = generator
        super().__init__(generator, w_plus, handles, goals, None, settings)
        if mask is not None:
            with torch.no_grad():
                start = self._map()
            self.mask_loss: Any = PlainMaskLoss(start, mask, settings.mask_weight, enlarged_mask)

    def _map(self, low: torch.Tensor | None = None, high: torch.Tensor | None = None) -> EnlargedMap:
        ws = torch.cat([self.code.moving(), self.code.start[:, self.code.layers :]], dim=1)
        return enlarged_map(self.generator, ws, self.settings.feature_block)
