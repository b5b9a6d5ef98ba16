"""Inversion: search W+ for the code whose image is the target, near enough to the mean of W to stay editable."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence

import torch

import stylegan2
from backend.editing.initial_candidates import initial_candidates
from backend.editing.reconstruction_loss import ReconstructionLoss, psnr
from backend.editing.settings import InversionSettings
from backend.editing.tensor_cache import TensorCache
from stylegan2.latent_space import LatentSpace

VERSION = 1  # to be raised when invert() finds other codes: what was remembered before is not found any more
WARM_UP = 0.05  # share of the steps in which Adam's step grows to its size
COOL_DOWN = 0.5  # share of the steps in which it shrinks back to 0
# Optimising one candidate ends in the wrong pose as often as not (20 dB instead of 29), so the search in W is by
# successive halving (Jamieson and Talwalkar 2016): each round optimises all candidates and keeps the better half.
CANDIDATES = 16
ROUND_SHARE = 0.08  # steps of one candidate in one round, as a share of the steps in W+
SEARCH_STEP = 1.4  # Adam's step in W, as a multiple of that in W+


@dataclasses.dataclass(frozen=True)
class InversionStep:
    """The code after a step, w_plus [1, num_ws, w_dim]; its image and PSNR are made when asked for."""

    step: int
    w_plus: torch.Tensor
    inversion: _Inversion

    @functools.cached_property
    def image(self) -> torch.Tensor:
        """[1, 3, H, W], unclamped: costs one synthesis."""
        with torch.no_grad():
            return self.inversion.generator.synthesis(self.w_plus, noise_mode="const")

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio against the target, in dB."""
        return psnr(self.image, self.inversion.target, self.inversion.weight)


def total_steps(settings: InversionSettings) -> int:
    """Steps that invert() takes: the search in W, then `settings.steps` in W+."""
    return 2 * (CANDIDATES - 1) * _round_steps(settings) + settings.steps


def invert(
    model: stylegan2.Model,
    image: torch.Tensor,
    weight: torch.Tensor,
    settings: InversionSettings,
    cache: TensorCache | None = None,
) -> Iterator[InversionStep]:
    """Yield an InversionStep after each of the total_steps(settings) Adam steps, and some of step 0 before.

    Args:
        model: whose W+ is searched.
        image: [1, 3, H, W], -1 .. 1, of the size of the model's image.
        weight: [1, 1, H, W], 0 .. 1, how much a pixel counts (its alpha).
        settings: how long and how far from the mean.
        cache: remembers what every inversion with the model begins with.
    """
    inversion = _Inversion(model, image, weight, settings)
    codes: list[torch.Tensor] = []
    samples, cache = inversion.space.samples, cache or TensorCache()
    for candidates in initial_candidates(model, samples, image, weight, CANDIDATES, cache):
        codes = [samples[index : index + 1] for index in candidates]
        yield InversionStep(0, inversion.to_layers(codes[0]), inversion)
    if settings.steps == 0:
        return
    done = 0
    while len(codes) > 1:
        found: list[tuple[float, torch.Tensor]] = []
        for start in codes:
            last = (float("inf"), start)
            for last in inversion.optimize(start, [SEARCH_STEP] * _round_steps(settings), inversion.loss.pixel_loss):
                done += 1
                yield InversionStep(done, inversion.to_layers(last[1]), inversion)
            found.append(last)
        codes = [code for _, code in sorted(found, key=lambda entry: entry[0])[: len(codes) // 2]]
    rates = [_schedule(step / settings.steps) for step in range(1, settings.steps + 1)]
    for _, w_plus in inversion.optimize(inversion.to_layers(codes[0]), rates, inversion.loss):
        done += 1
        yield InversionStep(done, w_plus, inversion)


class _Inversion:
    """What the steps of one inversion share.  A code is w [1, w_dim] or W+ [1, num_ws, w_dim]."""

    def __init__(
        self, model: stylegan2.Model, target: torch.Tensor, weight: torch.Tensor, settings: InversionSettings
    ) -> None:
        self.generator, self.target, self.weight, self.settings = model.generator, target, weight, settings
        self.space = LatentSpace(model.generator)
        self.loss = ReconstructionLoss(model, target, weight)

    def to_layers(self, code: torch.Tensor) -> torch.Tensor:
        """W+ of a code."""
        return code if code.ndim == 3 else code[:, None].repeat(1, self.generator.num_ws, 1)

    def optimize(
        self, start: torch.Tensor, rates: Sequence[float], loss_of: Callable[[torch.Tensor], torch.Tensor]
    ) -> Iterator[tuple[float, torch.Tensor]]:
        """Adam from `start`, its step size times each of `rates`; yields each step's loss and code."""
        offset = torch.zeros_like(start, requires_grad=True)
        optimizer = torch.optim.Adam([offset])
        for rate in rates:
            optimizer.param_groups[0]["lr"] = self.settings.step_size * rate
            w_plus = self.to_layers(start + self.space.spread * offset)
            loss = loss_of(self.generator.synthesis(w_plus, noise_mode="const"))
            loss = loss + self.settings.mean_weight * self.space.distance(w_plus).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            yield float(loss.detach()), (start + self.space.spread * offset).detach()


def _round_steps(settings: InversionSettings) -> int:
    return max(round(ROUND_SHARE * settings.steps), 1) if settings.steps else 0


def _schedule(progress: float) -> float:
    """Adam's step over the run (0 .. 1): a short warm-up, and a cosine down to 0."""
    down = 0.5 - 0.5 * math.cos(math.pi * min((1 - progress) / COOL_DOWN, 1))
    return min(progress / WARM_UP, 1) * down
