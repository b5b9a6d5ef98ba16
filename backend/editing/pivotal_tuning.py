"""Pivotal tuning: an edit's own copy of the generator learns to show one image as it is (Roich et al. 2021).

The pivot is the code at which the inversion found the image. Tuned are weights, not the code, so that it stays where
drags work well; locality regularisation keeps what the generator shows of other codes.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch

import stylegan2
from backend.editing.reconstruction_loss import ReconstructionLoss, psnr
from backend.editing.settings import TuningSettings
from stylegan2.latent_space import LatentSpace

VERSION = 1  # to be raised when tune() finds other weights: what was remembered before is not found any more
TUNED_FROM = 32  # pixels: the first block that is tuned; the coarser ones hold most weights, and the geometry
LOCALITY_EVERY = 2  # steps: the regularisation costs as much as two reconstructions
GOOD_ENOUGH = 40.0  # dB: nobody sees what is left, and more tuning costs editability
PATIENCE = 30  # steps in which the loss has to shrink by LEAST_GAIN
LEAST_GAIN = 0.01
WARM_UP, COOL_DOWN = 0.05, 0.5  # shares of the steps in which Adam's step grows to its size, and shrinks back to 0

Weights = Mapping[str, torch.Tensor]
"""Some of a generator's weights by their names."""


class TuningStep(NamedTuple):
    """The image after a step, or the end.

    Attributes:
        step: of `steps`.
        psnr: peak signal-to-noise ratio against the target, in dB.
        image: returns [1, 3, H, W], unclamped.
        seconds_left: if it takes all its steps; 0 as long as nobody knows.
        tuned: in the last step, the weights that were tuned, as float16 on the CPU.
    """

    step: int
    steps: int
    psnr: float
    image: Callable[[], torch.Tensor]
    seconds_left: float = 0.0
    tuned: Weights | None = None


def tune(
    model: stylegan2.Model,
    w_plus: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor,
    settings: TuningSettings,
) -> Iterator[TuningStep]:
    """Tune a copy of the model's generator: yield a TuningStep before each Adam step, then the last with the weights.

    Args:
        model: whose generator is copied. It stays as it is.
        w_plus: [1, num_ws, w_dim], the pivot.
        target: [1, 3, H, W], -1 .. 1, of the size of the model's image.
        weight: [1, 1, H, W], 0 .. 1, how much a pixel counts (its alpha).
        settings: how long and how much.
    """
    tuning, losses = _Tuning(model, w_plus, target, weight, settings), list[float]()
    started = time.perf_counter()
    for step in range(settings.steps):
        left = (time.perf_counter() - started) * (settings.steps - step) / step if step else 0.0
        image, loss = tuning.step(step)
        quality = psnr(image, target, weight)
        losses.append(loss)
        yield TuningStep(step, settings.steps, quality, lambda image=image: image, left)
        if quality >= GOOD_ENOUGH or _stands_still(losses):
            break
    tuned = tuning.rounded()
    image = tuning.image(w_plus)
    yield TuningStep(settings.steps, settings.steps, psnr(image, target, weight), lambda: image, tuned=tuned)


def with_weights(generator: stylegan2.Generator, tuned: Weights) -> stylegan2.Generator:
    """Return a copy of `generator` with these weights in it."""
    generator = copy.deepcopy(generator)
    generator.load_state_dict(dict(tuned), strict=False)
    return generator


def weights_fit(generator: stylegan2.Generator, tuned: Weights) -> bool:
    """Whether `tuned` are finite weights of such a generator."""
    own = generator.state_dict()
    return all(
        name in own and own[name].shape == tensor.shape and bool(tensor.isfinite().all())
        for name, tensor in tuned.items()
    )


def digest_of(tuned: Weights) -> str:
    """SHA-256 of weights as they are saved, in float16, their names and shapes included."""
    sha256 = hashlib.sha256()
    for name, tensor in sorted(tuned.items()):
        values = tensor.detach().cpu().half().contiguous().numpy()
        sha256.update(f"{name} {values.shape}\n".encode())
        sha256.update(np.ascontiguousarray(values).data)
    return sha256.hexdigest()


class _Tuning:
    """The copy of the generator, and what its steps share."""

    def __init__(
        self,
        model: stylegan2.Model,
        w_plus: torch.Tensor,
        target: torch.Tensor,
        weight: torch.Tensor,
        settings: TuningSettings,
    ) -> None:
        self.model, self.w_plus, self.settings = model, w_plus, settings
        self.generator = copy.deepcopy(model.generator)
        self.weights = dict(_to_be_tuned(self.generator))
        for parameter in self.weights.values():
            parameter.requires_grad_(True)
        self.optimizer = torch.optim.Adam(list(self.weights.values()))
        self.loss = ReconstructionLoss(model, target, weight)
        self.everywhere = torch.ones_like(weight)
        self.samples = LatentSpace(model.generator).samples
        self.random = torch.Generator().manual_seed(0)

    def step(self, number: int) -> tuple[torch.Tensor, float]:
        """Do one Adam step; return the image [1, 3, H, W] from before it, and its reconstruction loss."""
        self.optimizer.param_groups[0]["lr"] = self.settings.step_size * _schedule(number / self.settings.steps)
        self.optimizer.zero_grad(set_to_none=True)
        image = self.generator.synthesis(self.w_plus, noise_mode="const")
        loss = self.loss(image)
        loss.backward()
        if self.settings.locality_weight and number % LOCALITY_EVERY == 0:
            (self.settings.locality_weight * LOCALITY_EVERY * self._locality_loss()).backward()
        self.optimizer.step()
        return image.detach(), float(loss.detach())

    def _locality_loss(self) -> torch.Tensor:
        """How far the image of a code between the pivot and a sample of W is from what it was."""
        number = int(torch.randint(len(self.samples), (1,), generator=self.random))
        share = float(torch.rand(1, generator=self.random))
        code = torch.lerp(self.w_plus, self.samples[number].expand_as(self.w_plus), share)
        with torch.no_grad():
            before = self.model.generator.synthesis(code, noise_mode="const")
        bare = dataclasses.replace(self.model, discriminator=None)  # its features would double the price
        return ReconstructionLoss(bare, before, self.everywhere)(self.generator.synthesis(code, noise_mode="const"))

    def rounded(self) -> Weights:
        """Round the weights to float16, as they are saved, also in the generator; return them."""
        tuned = {name: parameter.detach().half().cpu() for name, parameter in self.weights.items()}
        self.generator.load_state_dict(tuned, strict=False)
        self.generator.requires_grad_(False)
        return tuned

    @torch.no_grad()
    def image(self, w_plus: torch.Tensor) -> torch.Tensor:
        """Synthesise a code: [1, 3, H, W], unclamped."""
        return self.generator.synthesis(w_plus, noise_mode="const")


def _to_be_tuned(generator: stylegan2.Generator) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Yield the weights of the blocks from TUNED_FROM on, or of the last block of a smaller model."""
    first = min(TUNED_FROM, generator.block_resolutions[-1])
    blocks = tuple(f"synthesis.b{resolution}." for resolution in generator.block_resolutions if resolution >= first)
    for name, parameter in generator.named_parameters():
        if name.startswith(blocks):
            yield name, parameter


def _stands_still(losses: list[float]) -> bool:
    """Whether the last PATIENCE steps have found hardly anything better than those before."""
    before, since = losses[:-PATIENCE], losses[-PATIENCE:]
    return bool(before) and min(since) > (1 - LEAST_GAIN) * min(before)


def _schedule(progress: float) -> float:
    """Adam's step over the run (0 .. 1): a short warm-up, and a cosine down to 0."""
    down = 0.5 - 0.5 * math.cos(math.pi * min((1 - progress) / COOL_DOWN, 1))
    return min((progress + 0.01) / WARM_UP, 1) * down
