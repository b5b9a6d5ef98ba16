"""Which value of a factor an image shows: a measure of an edit that needs no tracker, only the renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegan2.critters.making import factors as animal_factors
from stylegan2.critters.making.renderer import render

Box = tuple[int, int, int, int]
COARSE = tuple(step / 10 for step in range(11))
FINE = tuple(step / 50 for step in range(-4, 5))


class Sweep(NamedTuple):
    """What a sweep found."""

    value: float  # the factor's value whose image is nearest
    error: float  # mean squared error to that image, of values in 0..255
    tried: dict[float, float]  # this error for every value that was tried


def swept_factor(
    image: np.ndarray, factors: Tensor, name: str, values: Sequence[float], box: Box | None = None
) -> float:
    """The one of `values` for the factor `name` whose rendering is nearest to the image; see `sweep`."""
    return sweep(image, factors, name, values, box).value


def sweep(
    image: np.ndarray,
    factors: Tensor,
    name: str,
    values: Sequence[float],
    box: Box | None = None,
    height: int | None = None,
) -> Sweep:
    """Render an animal with each of `values` for the factor `name`, all others as they are, and compare.

    image: uint8 `[H, W, 3]`. factors: `[36]` or `[1, 36]`. box: (left, top, right, bottom) in pixels, right
    and bottom not included, to compare only there. height: compare at this smaller size, which is faster.
    Raises ValueError without values or for a box without pixels in it.
    """
    if not len(values):
        raise ValueError("A sweep needs at least one value to try.")
    left, top, right, bottom = box or (0, 0, image.shape[1], image.shape[0])
    inside = torch.zeros(1, 1, *image.shape[:2])
    inside[..., top:bottom, left:right] = 1
    if not inside.any():
        raise ValueError(f"The box {box} holds no pixel of the picture; choose one inside of it.")
    target = torch.from_numpy(image[..., :3].astype(np.float32)).permute(2, 0, 1)[None]
    if height is not None and height < image.shape[0]:
        size = (height, round(image.shape[1] * height / image.shape[0]))
        target, inside = (F.interpolate(part, size, mode="area") for part in (target, inside))
    tried: dict[float, float] = {}
    for group in torch.tensor(values, dtype=torch.float64).split(8):  # so many images are held in memory
        variants = animal_factors.changed(factors.reshape(1, -1).repeat(len(group), 1), name, group)
        candidates = render(variants, target.shape[2], target.shape[3])
        squares = ((candidates - target).square() * inside).sum((1, 2, 3)) / (3 * inside.sum())
        tried.update(zip(group.tolist(), squares.tolist(), strict=True))
    best = min(tried, key=tried.__getitem__)
    return Sweep(best, tried[best], tried)


def fine_sweep(
    image: np.ndarray, factors: Tensor, name: str, box: Box | None = None, height: int | None = None
) -> Sweep:
    """A sweep of the whole range in steps of 0.1, then of the best one's neighbourhood in steps of 0.02."""
    coarse = sweep(image, factors, name, COARSE, box, height)
    around = {round(min(max(coarse.value + step, 0.0), 1.0), 2) for step in FINE}
    fine = sweep(image, factors, name, sorted(around), box, height)
    return Sweep(fine.value, fine.error, {**coarse.tried, **fine.tried})
