"""Which value of a factor a picture shows: a measure of an edit that needs no tracker, only the renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from stylegan2.critters import factors as animal_factors
from stylegan2.critters.renderer import render

Box = tuple[int, int, int, int]


class Sweep(NamedTuple):
    """What a sweep found."""

    value: float  # the factor's value whose picture is nearest
    error: float  # mean squared error to that picture, of values in 0..255
    errors: list[float]  # the same for every value that was tried, in their order


def swept_factor(
    picture: np.ndarray, factors: Tensor, name: str, values: Sequence[float], box: Box | None = None
) -> float:
    """The one of `values` for the factor `name` whose rendering is nearest to the picture; see `sweep`."""
    return sweep(picture, factors, name, values, box).value


def sweep(
    picture: np.ndarray, factors: Tensor, name: str, values: Sequence[float], box: Box | None = None
) -> Sweep:
    """Render an animal with each of `values` for the factor `name`, all others as they are, and compare.

    picture: uint8 `[H, W, 3]`. factors: `[36]` or `[1, 36]`. box: (left, top, right, bottom) in pixels, right
    and bottom not included, to compare only there. Raises ValueError without values or for a box without
    pixels in it.
    """
    if not len(values):
        raise ValueError("A sweep needs at least one value to try.")
    height, width = picture.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    wanted = torch.as_tensor(picture[top:bottom, left:right, :3].astype(np.float32))
    if not wanted.numel():
        raise ValueError(f"The box {box} holds no pixel of a picture of {width} x {height}.")
    errors = []
    for value in values:
        tried = render(animal_factors.changed(factors.reshape(1, -1), name, value), height, width)[0]
        errors.append(float((tried[:, top:bottom, left:right].permute(1, 2, 0) - wanted).square().mean()))
    best = int(np.argmin(errors))
    return Sweep(float(values[best]), errors[best], errors)
