"""How well a model could show an image, without an encoder: by the nearest of some drafts, small images of samples.

Rougher than the encoder's guess, and only for an image framed as the model's own are; the measure is the same: how far
it lies beside what the model reaches for samples of its own.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.fit import FINEST_SIDE, bands, unlike
from backend.editing.tensor_cache import TensorCache
from stylegan2.latent_space import LatentSpace
from stylegan2.training.augmentation import relit

VERSION = 1  # to be raised when the drafts of a model change
DRAFTS, HELD_OUT = 64, 24  # samples that are compared with an image; other ones that are compared with these
BATCH = 8


class DraftJudge:
    """Tells how well a model could show an image.

    Args:
        model: any.
        cache: remembers the model's drafts, one megabyte.
    """

    def __init__(self, model: stylegan2.Model, cache: TensorCache) -> None:
        self._model, self._cache = model, cache

    def deviations(self, target: torch.Tensor, weight: torch.Tensor) -> float:
        """Return by how many deviations the nearest draft is farther than for the model's own samples.

        Args:
            target: [1, 3, H, W], -1 .. 1.
            weight: [1, 1, H, W], 0 .. 1, how much a pixel counts.
        """
        size = self._drafts.shape[2:]
        small_weight = F.adaptive_avg_pool2d(weight, (size[0], size[1]))
        small = F.adaptive_avg_pool2d(target * weight, (size[0], size[1])) / small_weight.clamp(min=1e-6)
        mean, spread = self._reference
        return (self._nearest(small.to(self._drafts), small_weight.to(self._drafts)) - mean) / spread

    def _nearest(self, small: torch.Tensor, weight: torch.Tensor) -> float:
        """How unlike the most similar draft is, the mean over its bands."""
        nearest = float("inf")
        for draft in self._drafts[:DRAFTS].split(1):
            pairs = zip(bands(draft), bands(torch.lerp(draft, small, weight)), strict=True)
            parts = [float(unlike(a, b, weight)) for a, b in pairs]
            nearest = min(nearest, sum(parts) / len(parts))
        return nearest

    @functools.cached_property
    def _reference(self) -> tuple[float, float]:
        """Mean and deviation of what the model reaches for samples that are not among the drafts, in another light."""
        samples = relit(self._drafts[DRAFTS:], torch.Generator().manual_seed(0)).clamp(-1, 1)
        opaque = torch.ones_like(samples[:1, :1])
        reached = torch.tensor([self._nearest(sample, opaque) for sample in samples.split(1)])
        return float(reached.mean()), max(float(reached.std()), 1e-3)

    @functools.cached_property
    def _drafts(self) -> torch.Tensor:
        """[DRAFTS + HELD_OUT, 3, h, w], -1 .. 1, on the CPU."""
        key = ("draft judge", VERSION, self._model.sha256, DRAFTS, HELD_OUT, FINEST_SIDE)
        known = self._cache.get(*key)
        if known is None:
            known = {"drafts": self._synthesise()}
            self._cache.put(known, *key)
        return known["drafts"]

    @torch.no_grad()
    def _synthesise(self) -> torch.Tensor:
        generator = self._model.generator
        samples = LatentSpace(generator).samples
        drafts = []
        for w in torch.cat([samples[:DRAFTS], samples[-HELD_OUT:]]).split(BATCH):
            draft = generator.synthesis.draft(w[:, None].repeat(1, generator.num_ws, 1), FINEST_SIDE)
            drafts.append(F.avg_pool2d(draft, max(min(draft.shape[2:]) // FINEST_SIDE, 1)).clamp(-1, 1).cpu())
        return torch.cat(drafts)
