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
from backend.editing.drag_features import KEPT
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
        return cls(features[0].flatten(1).T, size, image_size, None, None, enlarged)

    def detach(self) -> EnlargedMap:
        return dataclasses.replace(self, enlarged=self.enlarged.detach())

    def read(self, points: torch.Tensor) -> torch.Tensor:
        (height, width), (rows, columns) = self.enlarged.shape[2:], self.map_size
        last = points.new_tensor([width - 1, height - 1])
        texel = points.new_tensor([self.image_size[1] / columns, self.image_size[0] / rows])
        place = torch.minimum((points - texel / 2).clamp(min=0), last)
        read = F.grid_sample(self.enlarged, (place * 2 / last - 1).reshape(1, 1, -1, 2), align_corners=True)
        return read[0, :, 0].T.reshape(*points.shape[:-1], -1)


class PlainMaskLoss:
    """The mask term of Eq. 1 written out, of the map's own texels, or of an enlarged map's pixels."""

    def __init__(self, start: FeatureMap, mask: torch.Tensor, weight: float) -> None:
        self.start, self.weight = _grid(start), weight
        self.outside = 1 - F.adaptive_avg_pool2d(mask[None, None], self.start.shape[2:])

    def __call__(self, features: FeatureMap) -> torch.Tensor:
        return self.weight * ((_grid(features) - self.start).abs() * self.outside).mean()


def _grid(features: FeatureMap) -> torch.Tensor:
    if isinstance(features, EnlargedMap):
        return features.enlarged
    return features.texels.T.reshape(1, -1, *features.map_size)


class PlainDragLoop(DragLoop):
    """A drag by plain steps; its arguments are those of a DragLoop.

    Released code compares what is outside the mask on the feature map at the size of the image. That is another loss
    than that of an earlier block's texels, and slower: `enlarged_mask` does it, to be timed.
    """

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
        self.generator, self.enlarged_mask = generator, enlarged_mask
        super().__init__(generator, w_plus, handles, goals, None, settings)
        if mask is not None:
            with torch.no_grad():
                start = self._map().kept
            assert start is not None
            self.mask_loss: Any = PlainMaskLoss(start, mask, settings.mask_weight)

    def _map(self, low: torch.Tensor | None = None, high: torch.Tensor | None = None) -> EnlargedMap:
        synthesis, size = self.generator.synthesis, self.generator.image_size
        ws = torch.cat([self.code.moving(), self.code.start[:, self.code.layers :]], dim=1)
        last = len(synthesis.blocks_until(self.settings.feature_block)) - 1
        maps, image = [], None
        for count, block, x in synthesis._run(ws, "const"):
            image = block.add_colours(image, x, ws[:, count])
            maps.append(x)
        features = EnlargedMap.of(maps[last], size)
        kept = features if self.enlarged_mask else FeatureMap.whole(maps[max(last - KEPT, 0)], size)
        return dataclasses.replace(features, kept=kept)
