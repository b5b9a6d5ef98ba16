"""Optical flow between images of the generator, composed of the small motions along an edit's trajectory.

A flow is float32 [h, w, 2], (x, y) in pixels: target(p) shows what source(p + flow(p)) shows (backward warping).
Images are float32 [h, w, C], -1 .. 1.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F

CUBIC, LINEAR = cv2.INTER_CUBIC, cv2.INTER_LINEAR
REFINE_STEPS = 15  # of Adam, on the colours: the library's flow knows grey images only
REFINE_STEP_SIZE = 0.15  # pixels
SMOOTHNESS = 0.3  # weight of the squared difference of neighbouring motions
SMALL = 0.01  # of -1 .. 1: differences below count as squares, so that Adam settles
NO_SECOND_MAP = np.empty(0, np.float32)  # x and y are in one array
PYRAMID_SIDE = 4  # pixels: the coarsest level from which unknown motion is taken


def dense_flow(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Estimate the flow in one leap: right where nothing moved farther than it is wide."""
    return _flow(_grey(source), _grey(target))


def trajectory_flow(images: Sequence[np.ndarray]) -> np.ndarray:
    """Estimate the flow from the first to the last of `images`, composed of those between neighbours.

    Between images far apart a dense flow matches the wrong things where something moved farther than it is wide.
    """
    greys = [_grey(image) for image in images]
    total = _flow(greys[0], greys[1])
    for source, target in itertools.pairwise(greys[1:]):
        step = _flow(source, target)
        total = step + warp(total, step)
    return refine_flow(total, images[0], images[-1])


@torch.enable_grad()
def refine_flow(flow: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Take some steps of Adam on the colour difference of `target` and the warped `source`; removes what drifted."""
    height, width = flow.shape[:2]
    before, after = (torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in (source, target))
    pixels = torch.from_numpy(flow.copy())[None].requires_grad_()
    place = torch.from_numpy(pixel_grid(height, width) + 0.5)[None]
    to_grid = torch.tensor([2 / width, 2 / height])
    optimizer = torch.optim.Adam([pixels], lr=REFINE_STEP_SIZE)
    for _ in range(REFINE_STEPS):
        where = (place + pixels) * to_grid - 1
        warped = F.grid_sample(before, where, padding_mode="border", align_corners=False)
        difference = ((warped - after).square() + SMALL**2).sqrt().mean()
        rough = pixels.diff(dim=1).square().mean() + pixels.diff(dim=2).square().mean()
        optimizer.zero_grad(set_to_none=True)
        (difference + SMOOTHNESS * rough).backward()
        optimizer.step()
    return pixels.detach()[0].numpy()


def interpolate_flow(flow: np.ndarray, weight: np.ndarray, stiffness: float) -> np.ndarray:
    """Replace the flow where `weight` [h, w], 0 .. 1, is small by that of the surroundings, over a pyramid.

    stiffness: the weight that the surroundings have against 1 of a pixel's own.
    """
    sums, weights = [flow * weight[..., None]], [weight]
    while min(weights[-1].shape) > PYRAMID_SIDE:
        sums.append(cv2.pyrDown(sums[-1]))
        weights.append(cv2.pyrDown(weights[-1]))
    result = sums[-1] / (weights[-1][..., None] + 1e-6)
    for total, known in zip(sums[-2::-1], weights[-2::-1], strict=True):
        coarse = cv2.pyrUp(result, dstsize=known.shape[::-1])
        result = (total + stiffness * coarse) / (known[..., None] + stiffness)
    return result


def warp(image: np.ndarray, flow: np.ndarray, mode: int = LINEAR) -> np.ndarray:
    """Read `image` [h, w] or [h, w, C] at p + flow(p); beyond the border is the border."""
    return read(image, pixel_grid(*flow.shape[:2]) + flow, mode)


def read(image: np.ndarray, place: np.ndarray, mode: int = LINEAR) -> np.ndarray:
    """Read `image` at `place` [n, m, 2], (x, y) float32 with pixel CENTRES at whole numbers, as OpenCV has them."""
    return cv2.remap(image, place, NO_SECOND_MAP, mode, borderMode=cv2.BORDER_REPLICATE)


def read_sharp(image: np.ndarray, place: np.ndarray) -> np.ndarray:
    """As `read`, bicubic, but never brighter or darker than the pixels around: without a halo at hard edges."""
    left, top = (max(int(np.floor(place[..., axis].min())) - 2, 0) for axis in (0, 1))
    right, bottom = (int(np.ceil(place[..., axis].max())) + 3 for axis in (0, 1))
    left, top = min(left, image.shape[1] - 1), min(top, image.shape[0] - 1)
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    place = place - np.array([left, top], np.float32)
    around = np.ones((3, 3), np.uint8)
    low, high = (read(limit(part, around), place, cv2.INTER_NEAREST) for limit in (cv2.erode, cv2.dilate))
    return np.clip(read(part, place, CUBIC), low, high)


def pixel_grid(height: int, width: int) -> np.ndarray:
    """(x, y) of all pixels, float32 [height, width, 2]."""
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.dstack(np.broadcast_arrays(x, y[:, None]))


def _flow(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return _dis().calc(target, source, np.zeros((*source.shape, 2), np.float32))


@functools.cache
def _dis() -> cv2.DISOpticalFlow:
    """Dense inverse search (Kroeger et al. 2016), down to single pixels."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    return dis


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(((image + 1) * 127.5).round().clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
