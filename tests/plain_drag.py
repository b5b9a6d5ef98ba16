"""The plain drag step: the whole image, and the feature map enlarged to it, in every step, as released code has it.

What the fast step has to agree with, and is timed against. They share the bookkeeping of handles and targets, and the
formulas for what was read; not where features are computed, how, and how they are read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.drag_loop import DragLoop
from backend.editing.feature_map import FeatureMap
from backend.editing.mask_loss import Tiles
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
        return cls(features[0].flatten(1).T, size, image_size, enlarged=enlarged)

    def detach(self) -> EnlargedMap:
        return dataclasses.replace(self, enlarged=self.enlarged.detach())

    def read(self, points: torch.Tensor) -> torch.Tensor:
        (height, width), (rows, columns) = self.enlarged.shape[2:], self.map_size
        last = points.new_tensor([width - 1, height - 1])
        texel = points.new_tensor([self.image_size[1] / columns, self.image_size[0] / rows])
        place = torch.minimum((points - texel / 2).clamp(min=0), last)
        read = F.grid_sample(self.enlarged, (place * 2 / last - 1).reshape(1, 1, -1, 2), align_corners=True)
        return read[0, :, 0].T.reshape(*points.shape[:-1], -1)


def plain_maps(
    generator: stylegan2.Generator, ws: torch.Tensor, feature_block: int
) -> tuple[torch.Tensor, EnlargedMap]:
    """Make the whole image of `ws` [1, num_ws, w_dim]; the features of the block before, and the map, enlarged."""
    synthesis = generator.synthesis
    last = len(synthesis.blocks_until(feature_block)) - 1
    maps, image = [], None
    for count, block, x in synthesis._run(ws, "const"):
        image = block.add_colours(image, x, ws[:, count])
        maps.append(x)
    return maps[max(last - 1, 0)], EnlargedMap.of(maps[last], generator.image_size)


PlainMaps = Callable[[], tuple[torch.Tensor, EnlargedMap]]


class PlainMaskLoss:
    """The mask term of Eq. 1 written out, for the tiles of the block before that the fast step looks at.

    Released code compares what is outside the mask on the feature map at the size of the image. That is another loss,
    and slower: `enlarged` does it, to be timed.
    """

    def __init__(self, maps: PlainMaps, mask: torch.Tensor, weight: float, enlarged: bool) -> None:
        self.maps, self.weight, self.enlarged = maps, weight, enlarged
        with torch.no_grad():
            self.start = self._read()
        height, width = self.start.shape[2:]
        self.outside = 1 - F.adaptive_avg_pool2d(mask[None, None], (height, width))
        self.tiles = Tiles(self.outside[0, 0])

    def _read(self) -> torch.Tensor:
        kept, features = self.maps()
        return features.enlarged if self.enlarged else kept

    def __call__(self, ws: torch.Tensor, whole: torch.Tensor | None = None) -> torch.Tensor:
        change = (self._read() - self.start).abs() * self.outside
        if self.enlarged:
            return self.weight * change.mean()
        boxes, share = self.tiles.next()
        seen = torch.zeros_like(self.outside)
        for top, left, height, width in boxes:
            seen[..., top : top + height, left : left + width] = 1
        return self.weight * (change * seen).mean() / share


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
        self._computed: tuple[torch.Tensor, bool, tuple[torch.Tensor, EnlargedMap]] | None = None
        super().__init__(generator, w_plus, handles, goals, None, settings)
        if mask is not None:
            self.mask_loss: Any = PlainMaskLoss(self._maps, mask, settings.mask_weight, enlarged_mask)

    def _map(self, low: torch.Tensor | None = None, high: torch.Tensor | None = None) -> EnlargedMap:
        return self._maps()[1]

    def _maps(self) -> tuple[torch.Tensor, EnlargedMap]:
        """The features of the block before, and those of the feature block; computed once for each code."""
        ws = torch.cat([self.code.moving(), self.code.start[:, self.code.layers :]], dim=1)
        with_gradient = torch.is_grad_enabled()
        if self._computed is None or self._computed[1] != with_gradient or not torch.equal(self._computed[0], ws):
            self._computed = ws, with_gradient, plain_maps(self.generator, ws, self.settings.feature_block)
        return self._computed[2]
