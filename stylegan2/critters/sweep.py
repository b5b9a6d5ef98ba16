"""Which value of a factor a picture shows: a measure of an edit that needs no tracker, only the renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegan2.critters import factors as animal_factors
from stylegan2.critters.renderer import render

Box = tuple[int, int, int, int]
COARSE = tuple(step / 10 for step in range(11))
FINE = tuple(step / 50 for step in range(-4, 5))


class Sweep(NamedTuple):
    """What a sweep found."""

    value: float  # the factor's value whose picture is nearest
    error: float  # mean squared error to that picture, of values in 0..255
    tried: dict[float, float]  # this error for every value that was tried


def swept_factor(
    picture: np.ndarray, factors: Tensor, name: str, values: Sequence[float], box: Box | None = None
) -> float:
    """The one of `values` for the factor `name` whose rendering is nearest to the picture; see `sweep`."""
    return sweep(picture, factors, name, values, box).value


def sweep(
    picture: np.ndarray,
    factors: Tensor,
    name: str,
    values: Sequence[float],
    box: Box | None = None,
    height: int | None = None,
) -> Sweep:
    """Render an animal with each of `values` for the factor `name`, all others as they are, and compare.

    picture: uint8 `[H, W, 3]`. factors: `[36]` or `[1, 36]`. box: (left, top, right, bottom) in pixels, right
    and bottom not included, to compare only there. height: compare at this smaller size, which is faster.
    Raises ValueError without values or for a box without pixels in it.
    """
    if not len(values):
        raise ValueError("A sweep needs at least one value to try.")
    left, top, right, bottom = box or (0, 0, picture.shape[1], picture.shape[0])
    inside = torch.zeros(1, 1, *picture.shape[:2])
    inside[..., top:bottom, left:right] = 1
    if not inside.any():
        raise ValueError(f"The box {box} holds no pixel of the picture; choose one inside of it.")
    wanted = torch.from_numpy(picture[..., :3].astype(np.float32)).permute(2, 0, 1)[None]
    if height is not None and height < picture.shape[0]:
        size = (height, round(picture.shape[1] * height / picture.shape[0]))
        wanted, inside = (F.interpolate(image, size, mode="area") for image in (wanted, inside))
    tried: dict[float, float] = {}
    for group in torch.tensor(values, dtype=torch.float64).split(8):  # so many pictures are held in memory
        variants = animal_factors.changed(factors.reshape(1, -1).repeat(len(group), 1), name, group)
        candidates = render(variants, wanted.shape[2], wanted.shape[3])
        squares = ((candidates - wanted).square() * inside).sum((1, 2, 3)) / (3 * inside.sum())
        tried.update(zip(group.tolist(), squares.tolist(), strict=True))
    best = min(tried, key=tried.__getitem__)
    return Sweep(best, tried[best], tried)


def fine_sweep(
    picture: np.ndarray, factors: Tensor, name: str, box: Box | None = None, height: int | None = None
) -> Sweep:
    """A sweep of the whole range in steps of 0.1, then of the best one's neighbourhood in steps of 0.02."""
    coarse = sweep(picture, factors, name, COARSE, box, height)
    around = {round(min(max(coarse.value + step, 0.0), 1.0), 2) for step in FINE}
    fine = sweep(picture, factors, name, sorted(around), box, height)
    return Sweep(fine.value, fine.error, {**coarse.tried, **fine.tried})
