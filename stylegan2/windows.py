"""Windows: the parts of a feature map that are wanted, and what of the maps before they are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

Size = tuple[int, int]
Box = tuple[int, int, int, int]
"""(top, left, height, width) in texels of a feature map; it may reach beyond the map."""

MARGIN = 12  # texels; windows of the blocks before, of half the size or a quarter, are larger by 4 to 6 of their own
ROUNDING = 4  # texels; the sizes of merged windows are multiples, since each new size costs the CPU's library some time


@dataclass(frozen=True, eq=False)
class Windows:
    """Parts of a feature map that have one size. Beyond the map they are zero, as a convolution pads it.

    Attributes:
        top: int64 [K], the first row of each.
        left: int64 [K], the first column of each.
        size: (height, width) of each.
        map_size: (height, width) of the map.
    """

    top: Tensor
    left: Tensor
    size: Size
    map_size: Size

    @classmethod
    def of(cls, boxes: Sequence[Box], map_size: Size, device: torch.device) -> Windows:
        """Make windows of boxes of one size."""
        corners = torch.tensor([box[:2] for box in boxes], device=device)
        return cls(corners[:, 0], corners[:, 1], boxes[0][2:], map_size)

    @property
    def texels(self) -> int:
        """How many texels all of them have."""
        return len(self.top) * self.size[0] * self.size[1]

    @cached_property
    def inside(self) -> Tensor:
        """Which texels lie on the map: bool [K, 1, h, w]."""
        rows, columns = self._rows, self._columns
        height, width = self.map_size
        return ((rows >= 0) & (rows < height) & (columns >= 0) & (columns < width))[:, None]

    @cached_property
    def flat(self) -> Tensor:
        """Where on the map, counted row by row, each texel lies, or the nearest one of the map: [K, h, w]."""
        height, width = self.map_size
        return self._rows.clamp(0, height - 1) * width + self._columns.clamp(0, width - 1)

    @property
    def _rows(self) -> Tensor:
        return self.top[:, None, None] + torch.arange(self.size[0], device=self.top.device)[:, None]

    @property
    def _columns(self) -> Tensor:
        return self.left[:, None, None] + torch.arange(self.size[1], device=self.top.device)

    def cut(self, whole: Tensor) -> Tensor:
        """Cut them out of a whole map [1, C, H, W]: [K, C, h, w]."""
        texels = whole[0].flatten(1).T.index_select(0, self.flat.flatten())  # its gradient is much faster than []'s
        return texels.reshape(*self.flat.shape, -1).permute(0, 3, 1, 2).contiguous() * self.inside

    @cached_property
    def around(self) -> Windows:
        """One texel more on each side: what a 3 x 3 convolution computes them from."""
        return Windows(self.top - 1, self.left - 1, (self.size[0] + 2, self.size[1] + 2), self.map_size)

    @cached_property
    def before(self) -> Windows:
        """What a block, which doubles the map, computes them from, wherever in it they begin."""
        top, left = (torch.div(first, 2, rounding_mode="floor") - 1 for first in (self.around.top, self.around.left))
        return Windows(top, left, size_before(self.size), (self.map_size[0] // 2, self.map_size[1] // 2))

    def cut_doubled(self, doubled: Tensor, size: Size | None = None) -> Tensor:
        """Cut `doubled` [K, C, h', w'], which begins at the even row and column at or before them, to `size`."""
        height, width = size or self.size
        odd_top, odd_left = ((first % 2 == 1)[:, None, None, None] for first in (self.top, self.left))
        x = torch.where(odd_top, doubled[:, :, 1 : height + 1], doubled[:, :, :height])
        return torch.where(odd_left, x[..., 1 : width + 1], x[..., :width])


def size_before(size: Size) -> Size:
    """The size of the windows from which a block computes those of `size`."""
    return (size[0] + 2) // 2 + 3, (size[1] + 2) // 2 + 3


def merged(boxes: Sequence[Box]) -> list[Box]:
    """Merge boxes as long as one window costs less than the two it replaces.

    What a window costs is told by what the blocks before have to compute for it.
    """
    corners = np.array([(top, left, top + height, left + width) for top, left, height, width in boxes])
    while len(corners) > 1:
        low, high = np.minimum(corners[:, None], corners[None]), np.maximum(corners[:, None], corners[None])
        both = np.concatenate([low[..., :2], high[..., 2:]], axis=-1)
        alone = _cost(corners)
        saved = alone[:, None] + alone[None] - _cost(both)
        np.fill_diagonal(saved, -1)
        first, second = np.unravel_index(saved.argmax(), saved.shape)
        if saved[first, second] <= 0:
            break
        corners = np.concatenate([np.delete(corners, (first, second), axis=0), both[first, second][None]])
    single = {box[2:] for box in boxes}
    return [_rounded(corner, single) for corner in corners.tolist()]


def _cost(corners: np.ndarray) -> np.ndarray:
    return np.prod(corners[..., 2:] - corners[..., :2] + MARGIN, axis=-1)


def _rounded(corner: Sequence[int], single: set[Size]) -> Box:
    top, left, height, width = corner[0], corner[1], corner[2] - corner[0], corner[3] - corner[1]
    if (height, width) in single:
        return top, left, height, width
    return top, left, -(-height // ROUNDING) * ROUNDING, -(-width // ROUNDING) * ROUNDING
