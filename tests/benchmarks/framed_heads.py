"""Heads that stand smaller, off-centre and tilted in a larger layer, rendered, and their frames.

What a frame shows of such a layer is, but for resampling, what the renderer makes of the same factors by itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from backend.editing.frame import Frame
from stylegan2.critters.making.anatomy import Animal, animals
from stylegan2.critters.making.landmarks import head_width
from stylegan2.critters.making.renderer import trace

EDGE = 36  # levels, over all colours: pixels that differ by more from a neighbour are rendered with more rays
SUBPIXELS = ((-0.375, -0.125), (0.125, -0.375), (-0.125, 0.375), (0.375, 0.125))
RAYS = 65_536  # at a time


def frame_of_head(factors: Tensor, width: float, centre: tuple[float, float], roll: float, model_side: int) -> Frame:
    """Return the frame in which the head of factors `[1, 36]` is `width` layer pixels wide.

    centre: (x, y) of the frame in layer pixels.  roll: degrees, clockwise.  model_side: of the model's image.
    """
    return Frame(*centre, width / float(head_width(factors, model_side)), roll)


@torch.no_grad()
def render_framed(factors: Tensor, frame: Frame, size: tuple[int, int], model_side: int) -> np.ndarray:
    """Factors `[1, 36]` -> a layer of `size` (height, width), uint8 [H, W, 3], on which the scene lies in `frame`."""
    animal = animals(factors.float())
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    places = np.dstack([x, y])
    colours = _colours(places.reshape(-1, 2), frame, model_side, animal).reshape(*size, 3)
    levels = (255 * colours).astype(np.int16)
    edges = np.zeros(size, bool)
    across, down = (np.abs(np.diff(levels, axis=axis)).sum(axis=2) > EDGE for axis in (1, 0))
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    finer = [_colours(places[edges] + offset, frame, model_side, animal) for offset in SUBPIXELS]
    colours[edges] = np.mean(finer, axis=0)
    return (255 * colours + 0.5).astype(np.uint8)


def _colours(places: np.ndarray, frame: Frame, model_side: int, animal: Animal) -> np.ndarray:
    """Colours [N, 3], 0 .. 1, that are seen at `places` [N, 2] of the layer."""
    seen = torch.from_numpy(frame.to_model(places, (model_side, model_side)) * (2 / model_side) - 1).float()
    parts = [trace(part[:, 0], -part[:, 1], animal) for part in seen.split(RAYS)]
    return torch.cat(parts, dim=1).T.contiguous().numpy()
