"""Point tracking (Eq. 2 of the paper): where a handle has gone, by its features in the starting image."""

from __future__ import annotations

import torch

from backend.editing.feature_map import FeatureMap, point_like, square

TRAJECTORY_WIDTH = 0.25  # of its length: so far beside it, a place counts as 1.4 times as unlike the handle as it is


def track(
    features: FeatureMap,
    points: torch.Tensor,
    templates: torch.Tensor,
    r2: float,
    trajectories: torch.Tensor | None = None,
) -> torch.Tensor:
    """Find the handles again, to a fraction of a pixel: Eq. 2 on a grid of half a texel, then a paraboloid fit.

    Whole-pixel steps, as in the paper, lose the sub-pixel motion of a single drag step.

    Args:
        features: the feature map now.
        points: [N, 2], (x, y) in image pixels, the handles before the step.
        templates: [N, C], the handles' features in the starting image.
        r2: half side of the square that is searched, image pixels.
        trajectories: [N, 2, 2], from where to where each handle moves, or None. All along an edge (a lip, an outline)
            places look nearly the same, and by Eq. 2 alone a handle there slides off sideways; so the farther beside
            its trajectory a place is, the better it has to match. One without length, a pin's, leaves its handle free.

    Returns:
        [N, 2], the handles after the step, inside the image.
    """
    height, width = features.image_size
    spacing, offsets = _grid(r2, height / features.map_size[0], points.device)
    side = round(len(offsets) ** 0.5)
    candidates = points[:, None] + offsets
    # Around its minimum an L1 distance is a cone; squared it is the parabola that the fit expects.
    distance = _l1(features, candidates, templates).square()
    if trajectories is not None:
        distance = distance * (1 + _distance_beside(candidates, trajectories, r2).square())
    distance = distance.reshape(-1, side, side)
    flat = distance.flatten(1).argmin(dim=1)
    row, column = flat // side, flat % side
    cell = torch.stack([column, row], dim=-1) + _vertex(distance, row, column)
    tracked = points + (cell - (side - 1) / 2) * spacing
    return torch.minimum(tracked.clamp(min=0), point_like(width, height, tracked))


def reach(r2: float, texel: float) -> float:
    """Return how far, in x or y, a handle can be found from where it was; `texel` is its size in image pixels."""
    spacing, offsets = _grid(r2, texel, torch.device("cpu"))
    return float(offsets.max()) + 0.5 * spacing


def _grid(r2: float, texel: float, device: torch.device) -> tuple[float, torch.Tensor]:
    """Return the spacing of the places that are compared, and their offsets (x, y) [Q, 2] from the handle."""
    spacing = 0.5 * texel
    return spacing, square(max(r2, 1.001 * spacing), spacing, device)  # the paraboloid needs neighbours


def _l1(features: FeatureMap, candidates: torch.Tensor, templates: torch.Tensor) -> torch.Tensor:
    """Return the L1 distance [N, Q] of the features at `candidates` [N, Q, 2] to each point's template."""
    return (features.read(candidates) - templates[:, None]).abs().sum(dim=-1)


def _distance_beside(candidates: torch.Tensor, trajectories: torch.Tensor, r2: float) -> torch.Tensor:
    """Return how far `candidates` [N, Q, 2] are beside `trajectories`: [N, Q], in TRAJECTORY_WIDTH or, if wider, r2."""
    start, end = trajectories.unbind(dim=1)
    length = (end - start).norm(dim=-1, keepdim=True)
    direction = (end - start) / length.clamp(min=1e-6)
    offset = candidates - start[:, None]
    beside = offset[..., 0] * direction[:, 1:] - offset[..., 1] * direction[:, :1]
    return beside / (TRAJECTORY_WIDTH * length).clamp(min=r2)


def _vertex(surface: torch.Tensor, row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    """Return the offset (x, y) [N, 2], in cells, of the minimum of the paraboloid around surface[n, row, column].

    At most 0.5; 0 at the border of the grid and where the surface is not curved upwards.
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
