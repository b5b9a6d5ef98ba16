"""Point tracking (Eq. 2 of the paper): where a handle has gone, by its features in the starting image."""

from __future__ import annotations

import torch

from backend.editing.feature_map import sample, square

WAY_WIDTH = 0.25  # of a way's length: so far beside it, a place counts as 1.4 times as unlike the handle as it is


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
    features: torch.Tensor,
    points: torch.Tensor,
    templates: torch.Tensor,
    r2: float,
    image_size: tuple[int, int],
    ways: torch.Tensor | None = None,
) -> torch.Tensor:
    """Eq. 2 to a fraction of a pixel: argmin on a grid of half a texel, then a paraboloid through its neighbours.

    Arguments and result as for `track_plain`; whole-pixel steps lose the sub-pixel motion of a single drag step.
    Points stay inside the image.

    ways: [N, 2, 2], from where to where each handle is on its way, or None.  All along an edge (a lip, an outline)
    places look nearly the same, and by Eq. 2 alone a handle there slides off sideways; so the farther beside its way
    a place is, the better it has to look. A way without length, a pin's, leaves its handle free.
    """
    height, width = image_size
    spacing = 0.5 * height / features.shape[2]
    offsets = square(r2, spacing, points.device)
    side = round(len(offsets) ** 0.5)
    candidates = points[:, None] + offsets
    # Around its minimum an L1 distance is a cone; squared it is the parabola that the fit expects.
    distance = _l1(features, candidates, templates, image_size).square()
    if ways is not None:
        distance = distance * (1 + _beside(candidates, ways, r2).square())
    distance = distance.reshape(-1, side, side)
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


def _beside(candidates: torch.Tensor, ways: torch.Tensor, r2: float) -> torch.Tensor:
    """How far `candidates` [N, Q, 2] are beside the straight `ways` [N, 2, 2]: [N, Q], in WAY_WIDTH or r2 if wider."""
    start, end = ways.unbind(dim=1)
    length = (end - start).norm(dim=-1, keepdim=True)
    direction = (end - start) / length.clamp(min=1e-6)
    offset = candidates - start[:, None]
    beside = offset[..., 0] * direction[:, 1:] - offset[..., 1] * direction[:, :1]
    return beside / (WAY_WIDTH * length).clamp(min=r2)


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
