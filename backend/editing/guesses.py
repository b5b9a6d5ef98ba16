"""Where an inversion starts: the samples of W whose pictures, seen small, are the nearest to the picture."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F

import stylegan2

GUESSES = 512  # random codes of which the starts are the nearest; with half of them, one picture in ten went wrong
DRAFT_SIDE = 64  # pixels, at least, of the shorter side of what is drawn for a guess
SMALL_SIDE = 32  # pixels, about, of the shorter side of the pictures that are compared
EDGE_WINDOW = 9  # pixels of these; an edge is what differs from the mean around it
SMALL_ONES = 16  # drafts drawn at once
# By colours alone a background outweighs a pose; by outlines alone a pose outweighs a face. So many of each four:
OUTLINE, COLOUR, EDGES = 2, 1, 1

_seen: WeakKeyDictionary[stylegan2.Generator, list[torch.Tensor]] = WeakKeyDictionary()
"""The small pictures of each generator in use, as far as they are drawn: they cost as much as many steps."""


def nearest(
    generator: stylegan2.Generator, samples: torch.Tensor, picture: torch.Tensor, weight: torch.Tensor, count: int
) -> Iterator[list[int]]:
    """The best `count` of the first GUESSES of `samples`, by their outlines, colours and edges.

    Yields after every few that are drawn, so that a large model can be stopped here too, and when all are known.

    samples: [N, w_dim], the same at every call;  picture: [1, 3, H, W];  weight: [1, 1, H, W], 0 .. 1.
    """
    drawn = _seen.setdefault(generator, [])
    for number, w in enumerate(samples[:GUESSES].split(_at_once(generator))):
        if number == len(drawn):
            drawn.append(_drawn(generator, w))
        elif number < len(drawn) - 1:
            continue
        yield _best(torch.cat(drawn), picture, weight, count)


def _at_once(generator: stylegan2.Generator) -> int:
    """How many are drawn at once: fewer where a draft is a whole picture, which may be large."""
    height, width = generator.image_size
    return SMALL_ONES if generator.architecture.variant == "skip" else max(8 * 128**2 // (height * width), 1)


@torch.no_grad()
def _drawn(generator: stylegan2.Generator, w: torch.Tensor) -> torch.Tensor:
    draft = generator.synthesis.draft(w[:, None].repeat(1, generator.num_ws, 1), DRAFT_SIDE)
    return F.avg_pool2d(draft, max(min(draft.shape[2:]) // SMALL_SIDE, 1))


def _best(drawn: torch.Tensor, picture: torch.Tensor, weight: torch.Tensor, count: int) -> list[int]:
    """The numbers of the `count` best of `drawn` [N, 3, h, w], or of all there are, the best by outline first."""
    size = (drawn.shape[2], drawn.shape[3])
    small_weight = F.adaptive_avg_pool2d(weight, size)
    small = F.adaptive_avg_pool2d(picture * weight, size) / small_weight.clamp(min=1e-6)
    difference = (drawn - small) * small_weight
    unlike = -(_outlines(drawn, small_weight) * _outlines(small, small_weight)).sum(dim=(1, 2, 3))
    errors = torch.stack([unlike, *(part.square().mean(dim=(1, 2, 3)) for part in (difference, _edges(difference)))])
    outline, colour, edges = (order.tolist() for order in errors.argsort(dim=1))
    rounds = range(-(-len(drawn) // EDGES))
    by_turns = (
        number
        for turn in rounds
        for order, share in ((outline, OUTLINE), (colour, COLOUR), (edges, EDGES))
        for number in order[turn * share : (turn + 1) * share]
    )
    return list(dict.fromkeys(by_turns))[:count]


def _edges(pictures: torch.Tensor) -> torch.Tensor:
    """What of pictures [N, C, H, W] differs from the mean around it."""
    around = F.avg_pool2d(pictures, EDGE_WINDOW, stride=1, padding=EDGE_WINDOW // 2, count_include_pad=False)
    return pictures - around


def _outlines(pictures: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Where pictures have edges, whatever their colours: [N, 1, H, W] of mean 0 and length 1, slightly blurred."""
    strength = F.avg_pool2d(_edges(pictures.mean(dim=1, keepdim=True)).abs(), 3, stride=1, padding=1) * weight
    strength = strength - strength.mean(dim=(1, 2, 3), keepdim=True)
    return strength / strength.square().sum(dim=(1, 2, 3), keepdim=True).sqrt().clamp(min=1e-6)
