"""The fit: how well a model can show an image, beside what it reaches on samples of its own.

PSNR says nothing of it: a plain background is easily found, and a smooth photograph, too. What counts is how much of
the structure is the same, coarse and fine, in colours and in the features of the discriminator: the energy of the
difference as a share of the energy of both, which is 0 for the same and about 1 for what has nothing in common.

Looked at is first the guess of the model's encoder. An inversion ends near to nearly everything, in places of W+ where
nothing can be dragged, and so does not tell a picture of the model's kind from others; the guess does.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.reconstruction_loss import ReconstructionLoss
from backend.editing.tensor_cache import TensorCache
from stylegan2.encoder import Encoder
from stylegan2.latent_space import LatentSpace
from stylegan2.training.augmentation import degraded, relit

Fit = Literal["good", "fair", "poor"]
FITS: tuple[Fit, Fit, Fit] = ("good", "fair", "poor")  # from the best on
IN_WORDS: dict[Fit, str] = {"good": "well", "fair": "fairly", "poor": "only roughly"}

VERSION = 1  # to be raised when the numbers of a model change: those remembered before are not found any more
SAMPLES = 24  # of the model's own, which it is measured by
FINEST_SIDE, COARSEST_SIDE = 32, 4  # pixels, of the shorter side, between which structure is compared
# A discriminator's coarser features tell real pictures from generated ones, for which it was trained: in those of 4
# pixels, renders that the embedded model never saw lie 8 deviations beside its samples, in those of 16 half of one.
SMALLEST_FEATURES = 16  # pixels of the shorter side
# Nearly all of the model's own samples lie within three deviations of their mean, and most of them within one.
GOOD, FAIR = 1.0, 3.0
SMALLEST_SPREAD = 0.01  # of a part over the samples: one that hardly differs would outweigh all others


class Reference(NamedTuple):
    """What a model reaches on its own samples: mean and spread [P] of each part, and those of the parts' mean."""

    mean: torch.Tensor
    spread: torch.Tensor
    total_mean: float
    total_spread: float


class Judge:
    """Tells how well a model shows an image.

    Targets are [1, 3, H, W], -1 .. 1; their weights [1, 1, H, W], 0 .. 1, say how much a pixel counts (its alpha).

    Args:
        model: any; its discriminator is used where it has one.
        encoder: of the model. Without one nobody can tell: what an inversion ends with says too little.
        cache: remembers what the model reaches on its own samples.
    """

    def __init__(self, model: stylegan2.Model, encoder: Encoder, cache: TensorCache) -> None:
        self.encoder, self.cache, self._model = encoder, cache, model

    @functools.cached_property
    def key(self) -> tuple[object, ...]:
        """In the cache: tells what this judge says from what others do."""
        return reference_key(self._model, self.encoder)

    def guess(self, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return the encoder's code [1, num_ws, w_dim] for a target."""
        return self.encoder.encode(self._model.generator, target, weight)

    def fit(self, w_plus: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> Fit:
        """Compare the image of a code [1, num_ws, w_dim] with a target; costs about as much as a step with features."""
        return fit_of(self.deviations(w_plus, target, weight))

    def deviations(self, w_plus: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> float:
        """Return by how many deviations the image of a code is worse than what the model reaches on its own samples."""
        reference = self._reference
        total = _total(self._parts(w_plus, target, weight).cpu(), reference.mean, reference.spread)
        return (float(total) - reference.total_mean) / reference.total_spread

    @torch.no_grad()
    def relative_errors(self, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return how large the error of each guess is beside that of a plain image of the target's mean colour, [N].

        Args:
            targets: [N, 3, H, W], -1 .. 1.
            weights: [N, 1, H, W], 0 .. 1, not all of one 0.
        """
        w_plus = self.encoder.encode(self._model.generator, targets, weights, passes=2)
        draft = self.encoder.draft_of(self._model.generator, w_plus)
        plain = (targets * weights).sum(dim=(2, 3), keepdim=True) / weights.sum(dim=(2, 3), keepdim=True)
        errors = []
        for image in (draft, plain.expand_as(draft)):
            pairs = zip(image.split(1), targets.split(1), weights.split(1), strict=True)
            errors.append(torch.stack([ReconstructionLoss(self._model, b, w).pixel_loss(a) for a, b, w in pairs]))
        return errors[0] / errors[1].clamp(min=1e-6)

    @functools.cached_property
    def _reference(self) -> Reference:
        parts = self.encoder.sample_distances
        if parts is None:
            known = self.cache.get(*self.key)
            parts = known["parts"] if known is not None else self.sample_distances()
            self.cache.put({"parts": parts}, *self.key)
        mean, spread = parts.mean(dim=0), parts.std(dim=0).clamp(min=SMALLEST_SPREAD)
        totals = _total(parts, mean, spread)
        return Reference(mean, spread, float(totals.mean()), float(totals.std()))

    @torch.no_grad()
    def sample_distances(self) -> torch.Tensor:
        """Measure what the model reaches on each of its samples, [SAMPLES, P]: spoilt as artists' layers may be."""
        generator, rng = self._model.generator, torch.Generator().manual_seed(0)
        rows = []
        for w in LatentSpace(generator).samples[-SAMPLES:].split(1):
            w_plus = w[:, None].repeat(1, generator.num_ws, 1)
            image = generator.synthesis(w_plus, noise_mode="const").clamp(-1, 1)
            target, weight = degraded(relit(image, rng), rng), torch.ones_like(image[:, :1])
            rows.append(self._parts(self.guess(target, weight), target, weight))
        return torch.stack(rows).cpu()

    @torch.no_grad()
    def _parts(self, w_plus: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """How unlike the image of a code is, [P]: band by band of its pixels, and block by block of the features."""
        image = self._model.generator.synthesis(w_plus, noise_mode="const").clamp(-1, 1)
        target = torch.lerp(image, target, weight)  # what is transparent says nothing
        parts = [unlike(a, b, weight) for a, b in zip(bands(image), bands(target), strict=True)]
        if self._model.discriminator is not None:
            for a, b in zip(*map(self._model.discriminator.features, (image, target)), strict=True):
                if min(a.shape[2:]) >= SMALLEST_FEATURES:
                    middle = ((a + b) / 2).mean(dim=(2, 3), keepdim=True)
                    parts.append(unlike(a - middle, b - middle, weight))
        return torch.stack(parts)


def reference_key(model: stylegan2.Model, encoder: Encoder) -> tuple[object, ...]:
    """Return the key in the cache of what a model reaches on its own samples; it changes with whatever changes that."""
    return "fit", VERSION, model.sha256, _fingerprint(encoder)


def fit_of(deviations: float) -> Fit:
    """Say in a word how well a model shows an image that lies so many deviations beside its own."""
    return "good" if deviations <= GOOD else "fair" if deviations <= FAIR else "poor"


def worse(first: Fit, second: Fit) -> Fit:
    """Return the worse of two."""
    return first if FITS.index(first) >= FITS.index(second) else second


def bands(image: torch.Tensor) -> list[torch.Tensor]:
    """Split an image [1, C, H, W] into what is finer and coarser: the bands of a pyramid, and its coarsest image."""
    level = F.avg_pool2d(image, max(min(image.shape[2:]) // FINEST_SIDE, 1))
    bands = []
    while min(level.shape[2:]) > COARSEST_SIDE:
        coarser = F.avg_pool2d(level, 2)
        size = (level.shape[2], level.shape[3])
        bands.append(level - F.interpolate(coarser, size, mode="bilinear", align_corners=False))
        level = coarser
    return [*bands, level]


def unlike(a: torch.Tensor, b: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The energy of the difference of two images [1, C, h, w] as a share of the energy of both, where it counts."""
    weight = F.adaptive_avg_pool2d(weight, (a.shape[2], a.shape[3]))
    both = (weight * (a.square() + b.square())).sum()
    return (weight * (a - b).square()).sum() / both.clamp(min=1e-9)


def _total(parts: torch.Tensor, mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """The mean over the parts [..., P], each in its own deviations."""
    return ((parts - mean) / spread).mean(dim=-1)


def _fingerprint(encoder: Encoder) -> str:
    """Tell encoders of a model apart: one that was trained further reaches more."""
    return f"{float(encoder.correction.weight.detach().double().square().sum()):.12g}"
