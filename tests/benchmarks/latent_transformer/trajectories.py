"""Trajectories of samples, with the motion of their points: what a latent transformer learns from.

A trajectory is a straight line in W+ from one sample towards another, in the first layers, and the images on it. The
motion between any two of its images is composed of that between neighbours, so it may be large and still be found.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import stylegan2
from backend.editing.feature_map import FeatureMap
from backend.editing.optical_flow import dense_flow, read
from stylegan2.training.encoder import autocast, random_codes

IMAGES = 5  # of a trajectory
GRID = 16  # points across an image
DRAFT_SIDE = 128  # pixels of the images whose motion is found
LEAST_SIDE = 64  # pixels, which dense flow needs
SHARE = (0.1, 1.0)  # of the way from one sample to another
SHARE_APART = (0.1, 0.5)  # where each layer goes to another sample
APART = 0.5  # share of those
LOST = 0.01  # heights of the image: a point that is not found again as near as this is lost


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """The images of a line in W+, each with a grid of points.

    Attributes:
        codes: [IMAGES, layers, w_dim], those of the layers that move.
        places: [IMAGES, T, 2], the points, (x, y) in heights of the image from its centre.
        features: [IMAGES, T, C], there, as float16.
        motion: [IMAGES, IMAGES, T, 2], where the points of one image are in another, less where they were.
        found: bool [IMAGES, IMAGES, T], whether that is known.
    """

    codes: Tensor
    places: Tensor
    features: Tensor
    motion: Tensor
    found: Tensor


@torch.no_grad()
def new_trajectory(generator: stylegan2.Generator, layers: int, block: int, rng: torch.Generator) -> Trajectory:
    """Draw one.

    Args:
        generator: whose samples its ends are.
        layers: of W+ that move.
        block: resolution of the block whose features are read.
        rng: what is drawn.
    """
    w_plus = _line(generator, layers, rng)
    height, width = generator.image_size
    columns = round(GRID * width / height)
    cells = torch.cartesian_prod(torch.arange(GRID), torch.arange(columns)).flip(1)
    points = (cells + torch.rand(IMAGES, len(cells), 2, generator=rng)) / GRID
    with autocast(w_plus.device.type):
        drafts = generator.synthesis.draft(w_plus, DRAFT_SIDE).float()
        maps = generator.synthesis.features(w_plus, block).float()
    features = [
        FeatureMap.whole(one[None], (height, width)).read(height * at.to(w_plus))
        for one, at in zip(maps, points, strict=True)
    ]
    motion, found = _motion(_images(drafts), points.numpy())
    places = points - torch.tensor([width / height, 1]) / 2
    device = w_plus.device
    return Trajectory(
        w_plus[:, :layers],
        places.to(device),
        torch.stack(features).half(),
        torch.from_numpy(motion).to(device),
        torch.from_numpy(found).to(device),
    )


def _line(generator: stylegan2.Generator, layers: int, rng: torch.Generator) -> Tensor:
    """The codes [IMAGES, num_ws, w_dim]."""
    start, *ends = random_codes(generator, 1 + layers, rng)
    apart = float(torch.rand((), generator=rng)) < APART
    end = torch.stack([ends[layer if apart else 0][layer] for layer in range(layers)])
    low, high = SHARE_APART if apart else SHARE
    share = low + (high - low) * float(torch.rand((), generator=rng))
    w_plus = start.repeat(IMAGES, 1, 1)
    way = torch.linspace(0, share, IMAGES, device=start.device)[:, None, None]
    w_plus[:, :layers] = torch.lerp(start[:layers], end, way)
    return w_plus


def _images(drafts: Tensor) -> list[np.ndarray]:
    side = min(drafts.shape[2:])
    if side < LEAST_SIDE:
        drafts = F.interpolate(drafts, scale_factor=LEAST_SIDE / side, mode="bilinear")
    return list(drafts.clamp(-1, 1).permute(0, 2, 3, 1).contiguous().cpu().numpy())


def _motion(images: Sequence[np.ndarray], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow the points [IMAGES, T, 2] of each image, in heights from its corner, into all others."""
    height = len(images[0])
    flows = {
        (at, to): dense_flow(images[to], images[at]) / height
        for one, other in itertools.pairwise(range(IMAGES))
        for at, to in ((one, other), (other, one))
    }
    motion = np.zeros((IMAGES, *points.shape), np.float32)
    found = np.ones(motion.shape[:-1], bool)
    for first in range(IMAGES):
        for last, step in ((IMAGES, 1), (-1, -1)):
            place, known = points[first], found[first, first]
            for at in range(first, last - step, step):
                there = place + _read(flows[at, at + step], place)
                back = there + _read(flows[at + step, at], there)
                known = known & (np.abs(back - place).max(axis=1) < LOST)
                place = there
                motion[first, at + step], found[first, at + step] = place - points[first], known
    return motion, found


def _read(flow: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Read a flow [h, w, 2] at points [T, 2], in heights of the image."""
    return read(flow, (points * len(flow) - 0.5).astype(np.float32)[None])[0]
