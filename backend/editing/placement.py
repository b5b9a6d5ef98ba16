"""What the generator shows of a framed region, laid in place: in the region's rectangle, the layer around it."""

from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from backend.editing import correspondence
from backend.editing.correspondence import EditImages
from backend.editing.region import ROUNDING, Region, resized

EDGE = 0.02  # of the model's shorter side: how soft what it shows ends where the layer goes on


class Placement:
    """Lays the model's images into the rectangle of their region. Without a frame they are the rectangle's already."""

    def __init__(
        self, region: Region, layer_size: tuple[int, int], part: np.ndarray, behind: torch.Tensor | None = None
    ) -> None:
        """Args:
        region: what the model sees.
        layer_size: (height, width) of the layer.
        part: uint8 [height, width, 4], the rectangle's pixels, which are seen around what the model shows.
        behind: [3, h, w], -1 .. 1, what of the model's is seen through them where they are transparent; else grey.
        """
        self.region, self.layer_size, self._part, self._behind = region, layer_size, part, behind

    @functools.cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) of the rectangle, at about the model's resolution; a multiple of what it is compared at."""
        lengths = [length / scale for length, scale in zip(self.region.box[:1:-1], self.region.scale, strict=True)]
        every = max(int(max(lengths) + ROUNDING) // correspondence.LONGEST_SIDE, 1)
        height, width = (every * max(int(length + ROUNDING) // every, 1) for length in lengths)
        return height, width

    def image(self, image: torch.Tensor) -> torch.Tensor:
        """Lay the model's image [1, 3, h, w], -1 .. 1 and beyond, in place: [1, 3, *size]; without a frame as it is."""
        if self.region.frame is None:
            return image
        laid = self._read(image.float().clamp(-1, 1), self.size, "bicubic").clamp(-1, 1)
        return torch.lerp(self._around.to(image.device), laid, self._share(self.size).to(image.device))

    def features(self, before: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
        """Lay features [C, h, w] in place; outside of what the model sees they are as before, since nothing changes."""
        height, width = (
            max(round(length * part / whole), 1)
            for length, part, whole in zip(self.size, now.shape[1:], self.region.model_size, strict=True)
        )
        laid = self._read(torch.stack([before, now]).float(), (height, width), "bilinear")
        return torch.lerp(laid[0], laid[1], self._share((height, width)).to(now.device))

    @functools.cached_property
    def _around(self) -> torch.Tensor:
        """[1, 3, *size], -1 .. 1: the layer, and what is behind it."""
        layer = torch.from_numpy(resized(self._part, self.size, Image.Resampling.LANCZOS).astype(np.float32))
        colours, alpha = layer.permute(2, 0, 1)[None].split([3, 1], dim=1)
        behind = torch.zeros_like(colours)
        if self._behind is not None:
            behind = self._read(self._behind[None].float(), self.size, "bilinear").cpu()
        return torch.lerp(behind, colours / 127.5 - 1, alpha / 255)

    def _read(self, images: torch.Tensor, size: tuple[int, int], mode: str) -> torch.Tensor:
        """Images of the model [N, C, h, w] at `size` (height, width) in the rectangle; beyond them is their border."""
        x, y = self._pixels(size)
        place = np.dstack(np.broadcast_arrays(x + self.region.x, y[:, None] + self.region.y))
        height, width = self.region.model_size
        grid = torch.from_numpy(self.region.to_model(place) * (2 / width, 2 / height) - 1)[None].to(images)
        grid = grid.expand(len(images), -1, -1, -1)
        return F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=False)

    def _share(self, size: tuple[int, int]) -> torch.Tensor:
        """[*size], 1 inside of what the model sees, 0 outside."""
        reach = EDGE * self.region.shorter_side
        return torch.from_numpy(self.region.inside(*self._pixels(size), self.layer_size, reach))

    def _pixels(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Centres [width] and [height] of pixels of the rectangle at `size`, in layer pixels from its corner."""
        y, x = (
            ((np.arange(count) + 0.5) * length / count).astype(np.float32)
            for count, length in zip(size, self.region.box[:1:-1], strict=True)
        )
        return x, y


def laid_in_place(
    images: EditImages, previous: torch.Tensor, region: Region, layer_size: tuple[int, int], part: np.ndarray
) -> tuple[EditImages, torch.Tensor]:
    """Lay what the generator shows of an edit into the rectangle of its region.

    Args:
        images: of the edit.
        previous: [3, h, w], another image of the generator.
        region: what the model sees.
        layer_size: (height, width) of the layer.
        part: uint8 [height, width, 4], the rectangle's pixels at the start of the edit.

    Returns:
        Both in the rectangle. Around what the model sees is always the layer, so nothing moves there.
    """
    if region.frame is None:
        return images, previous
    placement = Placement(region, layer_size, part, images.image(0.0))

    @functools.cache
    def image(share: float) -> torch.Tensor:
        return placement.image(images.image(share)[None])[0]

    def features(share: float) -> torch.Tensor:
        return placement.features(images.features(0.0), images.features(share))

    return EditImages(image, features), placement.image(previous[None])[0]
