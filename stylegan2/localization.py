"""Where in a larger view a model's subject stands: the localisation network of a spatial transformer.

Named after Jaderberg et al. 2015. A place is [N, 4]: the centre x, y of the square that the generator's image would
fill (its longer side), from -1 to 1 over the view; the logarithm of its side, as a share of the view's; and its roll in
radians, clockwise on the screen.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VIEW_SIDE = 96  # pixels of the square view
WIDTHS = (24, 48, 64, 96)  # channels; each convolution halves the view
HIDDEN = 64
GROUPS = 8


class LocalizationNetwork(nn.Module):
    """View -> place."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, width), nn.SiLU()]
            before = width
        side = VIEW_SIDE >> len(WIDTHS)
        layers += [nn.Flatten(), nn.Linear(before * side * side, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 4)]
        self.layers = nn.Sequential(*layers)

    def forward(self, view: Tensor) -> Tensor:
        """Return the place [N, 4] of the subject of each view [N, 3, VIEW_SIDE, VIEW_SIDE], -1 .. 1."""
        return self.layers(view)


def sampling_grid(place: Tensor, image_size: tuple[int, int], side: int) -> Tensor:
    """Return where a view with the subject at a place shows an image: [N, side, side, 2], as F.grid_sample takes it.

    Args:
        place: [N, 4].
        image_size: (height, width) of the image that stands there.
        side: of the view, in pixels.
    """
    x, y, log_side, roll = place.unbind(1)
    height, width = image_size
    along_x, along_y = (max(image_size) / length for length in (width, height))
    size = log_side.exp()
    cos, sin = roll.cos() / size, roll.sin() / size
    # the view's coordinates, from the centre of the place on, turned back
    rows = [
        torch.stack([cos, sin, -(cos * x + sin * y)], dim=1) * along_x,
        torch.stack([-sin, cos, sin * x - cos * y], dim=1) * along_y,
    ]
    return F.affine_grid(torch.stack(rows, dim=1), [len(place), 1, side, side], align_corners=False)
