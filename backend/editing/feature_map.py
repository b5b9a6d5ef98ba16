"""Reading a feature map at points of the image, without ever resizing the map."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """The features of a block, all of them or those of some windows.

    Attributes:
        texels: [T, C].
        map_size: (height, width) of the map.
        image_size: (height, width) of the image that it belongs to.
        rows: int64 [height * width], where among `texels` each of the map is; None where they are the whole map.
        before: [1, C, h, w], the whole map of the block before, where it was computed along.
    """

    texels: torch.Tensor
    map_size: Size
    image_size: Size
    rows: torch.Tensor | None = None
    before: torch.Tensor | None = None

    @classmethod
    def whole(cls, features: torch.Tensor, image_size: Size, before: torch.Tensor | None = None) -> FeatureMap:
        """Make one of a whole map [1, C, h, w]."""
        size = (features.shape[2], features.shape[3])
        return cls(features[0].flatten(1).T, size, image_size, before=before)

    def detach(self) -> FeatureMap:
        """The same without a gradient."""
        return FeatureMap(self.texels.detach(), self.map_size, self.image_size, self.rows)

    def read(self, points: torch.Tensor) -> torch.Tensor:
        """Read the map bilinearly.

        With corner-based coordinates this is the same as reading a map that was resized to the image.

        Args:
            points: [..., 2], (x, y) in pixels of the image; outside, the border's values continue.

        Returns:
            [..., C].
        """
        height, width = self.map_size
        last = point_like(width - 1, height - 1, points)
        place = torch.minimum(texels_of(points, self.map_size, self.image_size).clamp(min=0), last).reshape(-1, 2)
        corner = torch.minimum(place.floor(), last - 1)
        x, y = (place - corner)[:, :, None].unbind(dim=1)
        first = (corner[:, 1] * width + corner[:, 0]).long()
        index = torch.stack([first, first + 1, first + width, first + width + 1])
        index = index if self.rows is None else self.rows[index]
        at = self.texels.index_select(0, index.flatten()).reshape(*index.shape, -1)
        found = torch.lerp(torch.lerp(at[0], at[1], x), torch.lerp(at[2], at[3], x), y)
        return found.reshape(*points.shape[:-1], -1)


def texels_of(points: torch.Tensor, map_size: Size, image_size: Size) -> torch.Tensor:
    """Points (x, y) of the image [..., 2] as (column, row) of the map, its texels' centres being whole numbers."""
    (height, width), (image_height, image_width) = map_size, image_size
    return points * point_like(width / image_width, height / image_height, points) - 0.5


def point_like(x: float, y: float, like: torch.Tensor) -> torch.Tensor:
    """Return (x, y) as a tensor [2] of the type and on the device of `like`; made once for each."""
    return _point(x, y, like.dtype, like.device)


@functools.lru_cache(maxsize=64)
def _point(x: float, y: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return torch.tensor([x, y], dtype=dtype, device=device)  # a graphics card is waited for to bring it there


def disc(radius: float, device: torch.device) -> torch.Tensor:
    """Return the offsets (x, y) [Q, 2] of the whole pixels nearer to the origin than `radius`: the paper's Omega1."""
    offsets = square(radius, 1.0, torch.device("cpu"))
    return offsets[offsets.norm(dim=-1) < radius].to(device)


def square(radius: float, spacing: float, device: torch.device) -> torch.Tensor:
    """Return the offsets (x, y) [Q, 2], row by row, of the grid points with |x| < radius and |y| < radius: Omega2."""
    reach = max(math.ceil(radius / spacing) - 1, 0)
    steps = torch.arange(-reach, reach + 1, device=device) * spacing
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)
