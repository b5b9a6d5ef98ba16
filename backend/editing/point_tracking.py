"""Point tracking (Eq. 2 of the paper): where a handle has gone, by its features in the starting image."""

from __future__ import annotations

import torch

from backend.editing.feature_map import sample, square


def track_plain(
    features: torch.Tensor, points: torch.Tensor, templates: torch.Tensor, r2: float, image_size: tuple[int, int]
) -> torch.Tensor:
    """Eq. 2 as it stands: the whole-pixel step within |x| < r2, |y| < r2 whose features differ least (L1).

    features: [1, C, h, w];  points: [N, 2] (x, y) in image pixels;  templates: [N, C], the handles' features in the
    starting image.  Returns the new points [N, 2].  The reference for `track`.
    """
    candidates = points[:, None] + square(r2, 1.0, points.device)
    distance = _l1(features, candidates, templates, image_size)
    return candidates[torch.arange(len(points), device=points.device), distance.argmin(dim=1)]


def track(
    features: torch.Tensor, points: torch.Tensor, templates: torch.Tensor, r2: float, image_size: tuple[int, int]
) -> torch.Tensor:
    """Eq. 2 to a fraction of a pixel: argmin on a grid of half a texel, then a paraboloid through its neighbours.

    Arguments and result as for `track_plain`; whole-pixel steps lose the sub-pixel motion of a single drag step.
    Points stay inside the image.
    """
    height, width = image_size
    spacing = 0.5 * height / features.shape[2]
    offsets = square(r2, spacing, points.device)
    side = round(len(offsets) ** 0.5)
    # Around its minimum an L1 distance is a cone; squared it is the parabola that the fit expects.
    distance = _l1(features, points[:, None] + offsets, templates, image_size).square().reshape(-1, side, side)
    flat = distance.flatten(1).argmin(dim=1)
    row, column = flat // side, flat % side
    cell = torch.stack([column, row], dim=-1) + _vertex(distance, row, column)
    moved = points + (cell - (side - 1) / 2) * spacing
    return torch.minimum(moved.clamp(min=0), moved.new_tensor([width, height]))


def _l1(
    features: torch.Tensor, candidates: torch.Tensor, templates: torch.Tensor, image_size: tuple[int, int]
) -> torch.Tensor:
    """L1 distance [N, Q] of the features at `candidates` [N, Q, 2] to each point's template."""
    return (sample(features, candidates, image_size) - templates[:, None]).abs().sum(dim=-1)


def _vertex(surface: torch.Tensor, row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    """Where, in cells (x, y) [N, 2] of at most 0.5, the paraboloid around surface[n, row, column] has its minimum.

    0 at the border of the grid and where the surface is not curved upwards.
    """
    side, handle = surface.shape[1], torch.arange(len(surface), device=surface.device)

    def at(dx: int, dy: int) -> torch.Tensor:
        return surface[handle, (row + dy).clamp(0, side - 1), (column + dx).clamp(0, side - 1)]

    slope_x, slope_y = (at(1, 0) - at(-1, 0)) / 2, (at(0, 1) - at(0, -1)) / 2
    bend_x, bend_y = at(1, 0) - 2 * at(0, 0) + at(-1, 0), at(0, 1) - 2 * at(0, 0) + at(0, -1)
    twist = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    determinant = bend_x * bend_y - twist.square()
    usable = (determinant > 0) & (bend_x > 0) & (row % (side - 1) > 0) & (column % (side - 1) > 0)
    offset = torch.stack([twist * slope_y - bend_y * slope_x, twist * slope_x - bend_x * slope_y], dim=-1)
    offset = offset / torch.where(usable, determinant, torch.ones_like(determinant))[:, None]
    return torch.where(usable[:, None], offset.clamp(-0.5, 0.5), torch.zeros_like(offset))
