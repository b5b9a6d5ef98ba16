"""Inversion: search W+ for the code whose image is the picture, near enough to the mean of W to stay editable."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.latent_space import LatentSpace
from backend.editing.settings import InversionSettings

PYRAMID_LEVELS = 4
WARM_UP = 0.05  # share of the steps in which Adam's step grows to its size
COOL_DOWN = 0.5  # share of the steps in which it shrinks back to 0
DISCRIMINATOR_WEIGHT = 0.1
# A search from one code ends in the wrong pose as often as not (20 dB instead of 29), so several start in W, and the
# better half goes on each round.
STARTS = 8
GUESSES = 64  # random codes of which the starts are the nearest
ROUNDS = int(math.log2(STARTS))
ROUND_SHARE = 0.08  # steps of one round, as a share of the steps in W+
SEARCH_STEP = 1.4  # Adam's step in W, as a multiple of that in W+


@dataclasses.dataclass(frozen=True)
class InversionStep:
    """The best code after a step, w_plus [1, num_ws, w_dim]; its image and PSNR are made when asked for."""

    step: int
    w_plus: torch.Tensor
    search: _Search

    @functools.cached_property
    def image(self) -> torch.Tensor:
        """[1, 3, H, W], unclamped: costs one synthesis."""
        with torch.no_grad():
            return self.search.generator.synthesis(self.w_plus, noise_mode="const")

    @property
    def psnr(self) -> float:
        """Likeness to the picture, in dB."""
        return psnr(self.image, self.search.picture, self.search.weight)


def total_steps(settings: InversionSettings) -> int:
    """Steps that invert() takes: the search in W, then `settings.steps` in W+."""
    return ROUNDS * _round_steps(settings) + settings.steps


def invert(
    model: stylegan2.Model, picture: torch.Tensor, weight: torch.Tensor, settings: InversionSettings
) -> Iterator[InversionStep]:
    """Yield an InversionStep after each of the total_steps(settings) Adam steps, and at least one.

    picture: [1, 3, H, W], -1 .. 1, of the size of the model's image.
    weight: [1, 1, H, W], 0 .. 1: how much a pixel counts (its alpha).
    """
    search = _Search(model, picture, weight, settings)
    w = search.nearest_guesses()
    yield search.step(0, w[:1])
    if settings.steps == 0:
        return
    done = 0
    while len(w) > 1:
        offset = torch.zeros_like(w, requires_grad=True)
        optimizer = torch.optim.Adam([offset], lr=SEARCH_STEP * settings.step_size)
        loss = torch.zeros(len(w))
        for _ in range(_round_steps(settings)):
            loss = search.descend(optimizer, w + search.space.spread * offset)
            done += 1
            yield search.step(done, (w + search.space.spread * offset)[loss.argmin()][None])
        best_half = loss.topk(len(w) // 2, largest=False).indices
        w = (w + search.space.spread * offset).detach()[best_half]
    start = search.to_layers(w)
    offset = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.Adam([offset])
    for step in range(1, settings.steps + 1):
        optimizer.param_groups[0]["lr"] = settings.step_size * _schedule(step / settings.steps)
        search.descend(optimizer, start + search.space.spread * offset)
        yield search.step(done + step, start + search.space.spread * offset)


class _Search:
    """What the steps of one inversion share.  Codes are w [N, w_dim] or W+ [N, num_ws, w_dim]."""

    def __init__(
        self, model: stylegan2.Model, picture: torch.Tensor, weight: torch.Tensor, settings: InversionSettings
    ) -> None:
        self.generator, self.picture, self.weight, self.settings = model.generator, picture, weight, settings
        self.space = LatentSpace(model.generator)
        self.likeness = Likeness(model, picture, weight)

    def to_layers(self, code: torch.Tensor) -> torch.Tensor:
        """W+ of a code."""
        return code if code.ndim == 3 else code[:, None].expand(-1, self.generator.num_ws, -1)

    def descend(self, optimizer: torch.optim.Adam, code: torch.Tensor) -> torch.Tensor:
        """One step of `optimizer` for all codes; returns each one's loss before it [N]."""
        w_plus = self.to_layers(code)
        loss = self.likeness(self.generator.synthesis(w_plus, noise_mode="const"))
        loss = loss + self.settings.mean_weight * self.space.distance(w_plus)
        optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def step(self, number: int, code: torch.Tensor) -> InversionStep:
        """The record of one step."""
        return InversionStep(number, self.to_layers(code).detach().contiguous(), self)

    @torch.no_grad()
    def nearest_guesses(self) -> torch.Tensor:
        """The samples of W [STARTS, w_dim] whose images are nearest to the picture when both are seen small."""
        factor = max(min(self.picture.shape[2:]) // 32, 1)
        guesses = self.space.samples[:GUESSES]
        errors = []
        for w in guesses.split(8):
            image = self.generator.synthesis(self.to_layers(w), noise_mode="const")
            errors.append(F.avg_pool2d((image - self.picture) * self.weight, factor).square().mean(dim=(1, 2, 3)))
        return guesses[torch.cat(errors).topk(STARTS, largest=False).indices]


class Likeness:
    """How far an image is from the picture: mean squared error at several scales, and discriminator features."""

    def __init__(self, model: stylegan2.Model, picture: torch.Tensor, weight: torch.Tensor) -> None:
        self.discriminator, self.picture, self.weight = model.discriminator, picture, weight
        levels = min(PYRAMID_LEVELS, int(math.log2(min(picture.shape[2:]))) - 2)
        self.scales = [2**level for level in range(levels)]

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Loss [N] of `image` [N, 3, H, W]."""
        loss = self._pixels(image)
        return loss if self.discriminator is None else loss + DISCRIMINATOR_WEIGHT * self._features(image)

    def _pixels(self, image: torch.Tensor) -> torch.Tensor:
        difference = (image - self.picture) * self.weight
        total = image.new_zeros(len(image))
        for scale in self.scales:
            coarse = F.avg_pool2d(difference, scale)
            total = total + coarse.square().mean(dim=(1, 2, 3)) / self.weight.mean()
        return total

    def _features(self, image: torch.Tensor) -> torch.Tensor:
        assert self.discriminator is not None
        # Transparent pixels of the picture are filled with the image's own, so that they say nothing.
        filled = torch.lerp(image.detach(), self.picture, self.weight)
        with torch.no_grad():
            wanted = self.discriminator.features(filled)
        found = self.discriminator.features(image)
        terms = [(a - b).square().mean(dim=(1, 2, 3)) / b.square().mean() for a, b in zip(found, wanted, strict=True)]
        return torch.stack(terms).mean(dim=0)


def psnr(image: torch.Tensor, picture: torch.Tensor, weight: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB over the pixels that count; both images -1 .. 1, the first one clamped."""
    error = ((image.clamp(-1, 1) - picture).square() * weight).sum() / (3 * weight.sum())
    return float(10 * torch.log10(4 / error.clamp(min=1e-10)))


def _round_steps(settings: InversionSettings) -> int:
    return max(round(ROUND_SHARE * settings.steps), 1) if settings.steps else 0


def _schedule(progress: float) -> float:
    """Adam's step over the run (0 .. 1): a short warm-up, and a cosine down to 0."""
    down = 0.5 - 0.5 * math.cos(math.pi * min((1 - progress) / COOL_DOWN, 1))
    return min(progress / WARM_UP, 1) * down
