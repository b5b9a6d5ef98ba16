"""Which animal an image shows: the factors of shape whose rendering is nearest to it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan2.critters.making import factors
from stylegan2.critters.making.renderer import render

SHAPE = [factors.index(name) for name in factors.GEOMETRY]
SIDE = 64  # pixels at which images are compared: each iteration renders some 28 of them
STEP = 0.02  # of a factor, for the finite differences
ITERATIONS = 2
PRIOR = 5e-6  # weight of the squared distance to the first guess: factors that show in nothing stay
SHARES = (1.0, 0.5, 0.25)  # of the step that are tried


@torch.no_grad()
def fit_factors(image: Tensor, guess: Tensor) -> Tensor:
    """Gauss-Newton from `guess` [1, 36] to the factors [1, 36] of `image` [3, h, w], -1 .. 1; colours are kept."""
    target = _softened(F.interpolate((image[None] + 1) / 2, (SIDE, SIDE), mode="area"))
    found = guess.clone()
    for _ in range(ITERATIONS):
        sign = torch.where(found[0, SHAPE] > 0.9, -1.0, 1.0)
        around = found.repeat(len(SHAPE) + 1, 1)
        around[range(1, len(around)), SHAPE] += STEP * sign
        images = _rendered(around)
        error = (target - images[:1]).flatten()
        jacobian = ((images[1:] - images[:1]) / (STEP * sign.view(-1, 1, 1, 1))).flatten(1)
        hessian = jacobian @ jacobian.T / len(error) + PRIOR * torch.eye(len(SHAPE))
        gradient = jacobian @ error / len(error) + PRIOR * (guess - found)[0, SHAPE]
        step = torch.linalg.solve(hessian, gradient)
        tried = found.repeat(len(SHARES), 1)
        tried[:, SHAPE] = (tried[:, SHAPE] + torch.tensor(SHARES)[:, None] * step).clamp(0, 1)
        errors = (_rendered(tried) - target).square().flatten(1).mean(dim=1)
        if float(errors.min()) >= float(error.square().mean()):
            break
        found = tried[errors.argmin()][None]
    return found


def _rendered(values: Tensor) -> Tensor:
    return _softened(render(values, SIDE).float() / 255)


def _softened(images: Tensor) -> Tensor:
    """Softened a little, so that an edge that is a pixel off says which way to go."""
    return F.avg_pool2d(images, 3, stride=1, padding=1)
