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
    return candidates[torch.arange(len(points)), distance.argmin(dim=1)]


def track(
    features: torch.Tensor, points: torch.Tensor, templates: torch.Tensor, r2: float, image_size: tuple[int, int]
) -> torch.Tensor:
    """Eq. 2 to a fraction of a pixel: argmin on a grid of half a texel, then a parabola through its neighbours.

    Arguments and result as for `track_plain`; whole-pixel steps lose the sub-pixel motion of a single drag step.
    Points stay inside the image.
    """
    height, width = image_size
    spacing = 0.5 * height / features.shape[2]
    offsets = square(r2, spacing, points.device)
    side = round(len(offsets) ** 0.5)
    distance = _l1(features, points[:, None] + offsets, templates, image_size).reshape(-1, side, side)
    flat = distance.flatten(1).argmin(dim=1)
    row, column = flat // side, flat % side
    handle = torch.arange(len(points), device=points.device)
    x = column + _vertex(distance[handle, row], column)
    y = row + _vertex(distance[handle, :, column], row)
    moved = points + (torch.stack([x, y], dim=-1) - (side - 1) / 2) * spacing
    return torch.minimum(moved.clamp(min=0), moved.new_tensor([width, height]))


def _l1(
    features: torch.Tensor, candidates: torch.Tensor, templates: torch.Tensor, image_size: tuple[int, int]
) -> torch.Tensor:
    """L1 distance [N, Q] of the features at `candidates` [N, Q, 2] to each point's template."""
    return (sample(features, candidates, image_size) - templates[:, None]).abs().sum(dim=-1)


def _vertex(line: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Offset (-0.5 .. 0.5) of the minimum of the parabola through line[n, at-1 .. at+1]; 0 at the line's ends."""
    last = line.shape[1] - 1
    handle = torch.arange(len(line), device=line.device)
    before, here, after = (line[handle, (at + step).clamp(0, last)] for step in (-1, 0, 1))
    curvature = before - 2 * here + after
    offset = 0.5 * (before - after) / torch.where(curvature > 0, curvature, torch.ones_like(curvature))
    usable = (curvature > 0) & (at > 0) & (at < last)
    return torch.where(usable, offset.clamp(-0.5, 0.5), torch.zeros_like(offset))
