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

    def __init__(self, region: Region, layer_size: tuple[int, int], part: np.ndarray) -> None:
        """Args:
        region: what the model sees.
        layer_size: (height, width) of the layer.
        part: uint8 [height, width, 4], the rectangle's pixels, which are seen around what the model shows.
        """
        self.region, self.layer_size, self._part = region, layer_size, part

    def image(self, image: torch.Tensor) -> torch.Tensor:
        """Lay the model's image [1, 3, h, w], -1 .. 1 and beyond, in place: [1, 3, h', w']; without a frame as it is.

        What is transparent is grey.
        """
        if self.region.frame is None:
            return image
        size = _size_in_place(self.region)
        laid = _in_place(image.float().clamp(-1, 1), self.region, size, "bicubic").clamp(-1, 1)
        layer = torch.from_numpy(resized(self._part, size, Image.Resampling.LANCZOS).astype(np.float32))
        colours, alpha = layer.permute(2, 0, 1)[None].split([3, 1], dim=1)
        around = (colours / 127.5 - 1) * (alpha / 255)
        inside = self.region.inside(*_pixels(self.region, size), self.layer_size, EDGE * self.region.shorter_side)
        return torch.lerp(around.to(laid.device), laid, torch.from_numpy(inside).to(laid.device))


def laid_in_place(images: EditImages, previous: torch.Tensor, region: Region) -> tuple[EditImages, torch.Tensor]:
    """Lay what the generator shows of an edit into the rectangle of its region; beyond it, its border goes on.

    Args:
        images: of the edit.
        previous: [3, h, w], another image of the generator.
        region: what the model sees.
    """
    if region.frame is None:
        return images, previous
    size = _size_in_place(region)

    def laid(image: torch.Tensor) -> torch.Tensor:
        return _in_place(image[None].float().clamp(-1, 1), region, size, "bicubic")[0].clamp(-1, 1)

    @functools.cache
    def image(share: float) -> torch.Tensor:
        return laid(images.image(share))

    def features(share: float) -> torch.Tensor:
        of_model = images.features(share)
        ratios = (part / whole for part, whole in zip(of_model.shape[1:], region.model_size, strict=True))
        height, width = (max(round(length * ratio), 1) for length, ratio in zip(size, ratios, strict=True))
        return _in_place(of_model[None].float(), region, (height, width), "bilinear")[0]

    return EditImages(image, features), laid(previous)


def _size_in_place(region: Region) -> tuple[int, int]:
    """(height, width) of the rectangle, at about the model's resolution; a multiple of what it is compared at."""
    lengths = [length / scale for length, scale in zip(region.box[:1:-1], region.scale, strict=True)]
    every = max(int(max(lengths) + ROUNDING) // correspondence.LONGEST_SIDE, 1)
    height, width = (every * max(int(length + ROUNDING) // every, 1) for length in lengths)
    return height, width


def _in_place(images: torch.Tensor, region: Region, size: tuple[int, int], mode: str) -> torch.Tensor:
    """Images of the model [N, C, h, w] at `size` (height, width) in the rectangle; beyond them is their border."""
    x, y = _pixels(region, size)
    place = np.dstack(np.broadcast_arrays(x + region.x, y[:, None] + region.y))
    height, width = region.model_size
    grid = torch.from_numpy(region.to_model(place) * (2 / width, 2 / height) - 1)[None].to(images)
    grid = grid.expand(len(images), -1, -1, -1)
    return F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=False)


def _pixels(region: Region, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Centres [width] and [height] of pixels of the rectangle at `size`, in layer pixels from its corner."""
    y, x = (
        ((np.arange(count) + 0.5) * length / count).astype(np.float32)
        for count, length in zip(size, region.box[:1:-1], strict=True)
    )
    return x, y
