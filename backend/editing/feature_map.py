"""Reading a feature map at points of the image, without ever resizing the map."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def sample(features: torch.Tensor, points: torch.Tensor, image_size: tuple[int, int]) -> torch.Tensor:
    """Read a feature map bilinearly at points of the image.

    With corner-based coordinates this is the same as reading a map that was resized to the image.

    Args:
        features: [1, C, h, w].
        points: [..., 2], (x, y) in pixels of the image; outside, the border's values continue.
        image_size: (height, width) of the image that the map belongs to.

    Returns:
        [..., C].
    """
    height, width = image_size
    grid = points * points.new_tensor([2 / width, 2 / height]) - 1
    read = F.grid_sample(features, grid.reshape(1, 1, -1, 2), padding_mode="border", align_corners=False)
    return read[0, :, 0].T.reshape(*points.shape[:-1], features.shape[1])


def disc(radius: float, device: torch.device) -> torch.Tensor:
    """Return the offsets (x, y) [Q, 2] of the whole pixels nearer to the origin than `radius`: the paper's Omega1."""
    offsets = square(radius, 1.0, device)
    return offsets[offsets.norm(dim=-1) < radius]


def square(radius: float, spacing: float, device: torch.device) -> torch.Tensor:
    """Return the offsets (x, y) [Q, 2], row by row, of the grid points with |x| < radius and |y| < radius: Omega2."""
    reach = max(math.ceil(radius / spacing) - 1, 0)
    steps = torch.arange(-reach, reach + 1, device=device) * spacing
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)
