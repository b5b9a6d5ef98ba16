"""The initial candidates of an inversion: the samples of W whose drafts, small images, are nearest to the target."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.tensor_cache import TensorCache

SAMPLES = 512  # random codes that are compared; with half of them, one image in ten went wrong
DRAFT_SIDE = 64  # pixels, at least, of the shorter side of the image that is synthesised of a sample
SMALL_SIDE = 32  # pixels, about, of the shorter side of the drafts that are compared
EDGE_WINDOW = 9  # pixels of these; an edge is what differs from the mean around it
BATCH = 16  # drafts synthesised at once
# By colours alone a background outweighs a pose; by outlines alone a pose outweighs a face. So many of each four:
OUTLINE, COLOUR, EDGES = 2, 1, 1


def drafts_key(model: stylegan2.Model) -> tuple[object, ...]:
    """Return the key of the model's drafts in the cache; it changes with whatever changes them."""
    return "drafts", model.sha256, SAMPLES, DRAFT_SIDE, SMALL_SIDE


def initial_candidates(
    model: stylegan2.Model,
    samples: torch.Tensor,
    image: torch.Tensor,
    weight: torch.Tensor,
    count: int,
    cache: TensorCache,
) -> Iterator[list[int]]:
    """Yield the numbers of the best `count` samples, as far as they are known, after every batch of drafts.

    Args:
        model: whose images are compared.
        samples: [N, w_dim], codes in W, the same at every call; the first SAMPLES are compared.
        image: [1, 3, H, W], -1 .. 1, the target.
        weight: [1, 1, H, W], 0 .. 1, how much a pixel counts.
        count: how many candidates are wanted.
        cache: where the drafts of the model are remembered; they cost as much as many steps.
    """
    known = cache.get(*drafts_key(model))
    if known is not None:
        yield _best(known["drafts"].to(image.device), image, weight, count)
        return
    drafts: list[torch.Tensor] = []
    for w in samples[:SAMPLES].split(_batch_size(model.generator)):
        drafts.append(_draft(model.generator, w))
        yield _best(torch.cat(drafts), image, weight, count)
    cache.put({"drafts": torch.cat(drafts)}, *drafts_key(model))


def _batch_size(generator: stylegan2.Generator) -> int:
    """Synthesise fewer at once where a draft is a whole image, which may be large."""
    height, width = generator.image_size
    return BATCH if generator.architecture.variant == "skip" else max(8 * 128**2 // (height * width), 1)


@torch.no_grad()
def _draft(generator: stylegan2.Generator, w: torch.Tensor) -> torch.Tensor:
    draft = generator.synthesis.draft(w[:, None].repeat(1, generator.num_ws, 1), DRAFT_SIDE)
    return F.avg_pool2d(draft, max(min(draft.shape[2:]) // SMALL_SIDE, 1))


def _best(drafts: torch.Tensor, image: torch.Tensor, weight: torch.Tensor, count: int) -> list[int]:
    """The numbers of the `count` best of `drafts` [N, 3, h, w], or of all there are, the best by outline first."""
    size = (drafts.shape[2], drafts.shape[3])
    small_weight = F.adaptive_avg_pool2d(weight, size)
    small = F.adaptive_avg_pool2d(image * weight, size) / small_weight.clamp(min=1e-6)
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


def _edges(images: torch.Tensor) -> torch.Tensor:
    """What of images [N, C, H, W] differs from the mean around it."""
    around = F.avg_pool2d(images, EDGE_WINDOW, stride=1, padding=EDGE_WINDOW // 2, count_include_pad=False)
    return images - around


def _outlines(images: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Where images have edges, whatever their colours: [N, 1, H, W] of mean 0 and length 1, slightly blurred."""
    strength = F.avg_pool2d(_edges(images.mean(dim=1, keepdim=True)).abs(), 3, stride=1, padding=1) * weight
    strength = strength - strength.mean(dim=(1, 2, 3), keepdim=True)
    return strength / strength.square().sum(dim=(1, 2, 3), keepdim=True).sqrt().clamp(min=1e-6)
