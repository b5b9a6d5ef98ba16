"""Where an inversion starts: the samples of W whose pictures, seen small, are the nearest to the picture."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F

import stylegan2

GUESSES = 512  # random codes of which the starts are the nearest; with half of them, one picture in ten went wrong
SMALL_SIDE = 32  # pixels, about, of the shorter side of the pictures that are compared
EDGE_WINDOW = 9  # pixels of these; an edge is what differs from the mean around it
PIXELS_AT_ONCE = 8 * 128**2  # synthesised at once

_seen: WeakKeyDictionary[stylegan2.Generator, list[torch.Tensor]] = WeakKeyDictionary()
"""The small pictures of each generator in use, as far as they are drawn: they cost as much as many steps."""


def nearest(
    generator: stylegan2.Generator, samples: torch.Tensor, picture: torch.Tensor, weight: torch.Tensor, count: int
) -> Iterator[list[int]]:
    """The best `count` of the first GUESSES of `samples`: half of them nearest in colour, half in edges.

    The nearest of all in colour is the first.  By colours alone a background could outweigh a pose.  Yields after
    every few that are drawn, so that a large model can be stopped here too, and when all are known.

    samples: [N, w_dim], the same at every call;  picture: [1, 3, H, W];  weight: [1, 1, H, W], 0 .. 1.
    """
    factor = max(min(picture.shape[2:]) // SMALL_SIDE, 1)
    small_weight = F.avg_pool2d(weight, factor)
    small_picture = F.avg_pool2d(picture * weight, factor) / small_weight.clamp(min=1e-6)
    at_once = max(PIXELS_AT_ONCE // (picture.shape[2] * picture.shape[3]), 1)
    drawn = _seen.setdefault(generator, [])
    for number, w in enumerate(samples[:GUESSES].split(at_once)):
        if number == len(drawn):
            drawn.append(_drawn(generator, w, factor))
        elif number < len(drawn) - 1:
            continue
        difference = (torch.cat(drawn) - small_picture) * small_weight
        errors = torch.stack([difference, _edges(difference)]).square().mean(dim=(2, 3, 4))
        yield _best_of_both(errors, count)


@torch.no_grad()
def _drawn(generator: stylegan2.Generator, w: torch.Tensor, factor: int) -> torch.Tensor:
    image = generator.synthesis(w[:, None].repeat(1, generator.num_ws, 1), noise_mode="const")
    return F.avg_pool2d(image, factor)


def _edges(pictures: torch.Tensor) -> torch.Tensor:
    """What of pictures [N, C, H, W] differs from the mean around it."""
    around = F.avg_pool2d(pictures, EDGE_WINDOW, stride=1, padding=EDGE_WINDOW // 2, count_include_pad=False)
    return pictures - around


def _best_of_both(errors: torch.Tensor, count: int) -> list[int]:
    """The columns of `errors` [2, N] that are the best by either row in turn, `count` of them or all there are."""
    by_turns = errors.argsort(dim=1).T.flatten().tolist()
    return list(dict.fromkeys(by_turns))[:count]
