"""The initial candidates of an inversion: the samples of W whose images, seen small, are nearest to the picture."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F

import stylegan2

SAMPLES = 512  # random codes that are compared; with half of them, one picture in ten went wrong
DRAFT_SIDE = 64  # pixels, at least, of the shorter side of the image that is synthesised of a sample
SMALL_SIDE = 32  # pixels, about, of the shorter side of the pictures that are compared
EDGE_WINDOW = 9  # pixels of these; an edge is what differs from the mean around it
BATCH = 16  # drafts synthesised at once
# By colours alone a background outweighs a pose; by outlines alone a pose outweighs a face. So many of each four:
OUTLINE, COLOUR, EDGES = 2, 1, 1

_drafts: WeakKeyDictionary[stylegan2.Generator, list[torch.Tensor]] = WeakKeyDictionary()
"""The small pictures of each generator in use, as far as they are drawn: they cost as much as many steps."""


def initial_candidates(
    generator: stylegan2.Generator, samples: torch.Tensor, picture: torch.Tensor, weight: torch.Tensor, count: int
) -> Iterator[list[int]]:
    """Yield the numbers of the best `count` samples, as far as they are known, after every batch.

    Args:
        generator: whose images are compared.
        samples: [N, w_dim], codes in W, the same at every call; the first SAMPLES are compared.
        picture: [1, 3, H, W], -1 .. 1.
        weight: [1, 1, H, W], 0 .. 1, how much a pixel counts.
        count: how many candidates are wanted.
    """
    drafts = _drafts.setdefault(generator, [])
    for number, w in enumerate(samples[:SAMPLES].split(_batch_size(generator))):
        if number == len(drafts):
            drafts.append(_draft(generator, w))
        elif number < len(drafts) - 1:
            continue
        yield _best(torch.cat(drafts), picture, weight, count)


def _batch_size(generator: stylegan2.Generator) -> int:
    """Synthesise fewer at once where a draft is a whole image, which may be large."""
    height, width = generator.image_size
    return BATCH if generator.architecture.variant == "skip" else max(8 * 128**2 // (height * width), 1)


@torch.no_grad()
def _draft(generator: stylegan2.Generator, w: torch.Tensor) -> torch.Tensor:
    draft = generator.synthesis.draft(w[:, None].repeat(1, generator.num_ws, 1), DRAFT_SIDE)
    return F.avg_pool2d(draft, max(min(draft.shape[2:]) // SMALL_SIDE, 1))


def _best(drafts: torch.Tensor, picture: torch.Tensor, weight: torch.Tensor, count: int) -> list[int]:
    """The numbers of the `count` best of `drafts` [N, 3, h, w], or of all there are, the best by outline first."""
    size = (drafts.shape[2], drafts.shape[3])
    small_weight = F.adaptive_avg_pool2d(weight, size)
    small = F.adaptive_avg_pool2d(picture * weight, size) / small_weight.clamp(min=1e-6)
    difference = (drafts - small) * small_weight
    unlike = -(_outlines(drafts, small_weight) * _outlines(small, small_weight)).sum(dim=(1, 2, 3))
    errors = torch.stack([unlike, *(part.square().mean(dim=(1, 2, 3)) for part in (difference, _edges(difference)))])
    outline, colour, edges = (order.tolist() for order in errors.argsort(dim=1))
    rounds = range(-(-len(drafts) // EDGES))
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
