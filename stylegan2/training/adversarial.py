"""Adversarial training: a generator against a discriminator, one step at a time.

The recipe is StyleGAN2's (Karras et al. 2020): non-saturating logistic loss, R1 on the discriminator, path
length on the generator, both regularisations only every few steps and then as much stronger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..discriminator import Discriminator
from ..generator import Generator
from ..mapping import MappingNetwork
from .average import MovingAverage
from .losses import PathLength, discriminator_loss, generator_loss, r1_penalty

COLUMNS = ("generator", "discriminator", "real", "generated", "r1", "path length")


@dataclass(frozen=True)
class Settings:
    """Weights and rhythms of the losses."""

    learning_rate: float = 0.002  # of both networks, unless a step says another for the generator
    r1_gamma: float = 1.0  # for 256 pixels and batches of 8; grows with the number of pixels per batch
    r1_every: int = 16  # steps
    path_length_weight: float = 2.0
    path_length_every: int = 8  # steps
    half_life: float = 500  # steps of the moving average
    compiled: bool = True  # doubles the speed, where torch finds a compiler, after a minute of compiling


class AdversarialTraining:
    """The two networks, their optimisers and the moving average; `step` teaches both."""

    def __init__(self, generator: Generator, discriminator: Discriminator, settings: Settings) -> None:
        self.settings = settings
        self.generator = generator.train().requires_grad_(True)
        self.discriminator = discriminator.train().requires_grad_(True)
        self.average = MovingAverage(generator, settings.half_life)
        self.generator_optimiser = _optimiser(generator, settings.learning_rate, settings.path_length_every)
        self.discriminator_optimiser = _optimiser(discriminator, settings.learning_rate, settings.r1_every)
        self.path_length = PathLength()
        self.steps = 0
        self._synthesis: Callable[[Tensor], Tensor] = generator.synthesis
        self._judge: Callable[[Tensor], Tensor] = discriminator
        if settings.compiled:
            self._synthesis = torch.compile(generator.synthesis)
            self._judge = torch.compile(discriminator)

    def step(
        self,
        real: Tensor,
        ws: Tensor,
        rng: torch.Generator,
        learning_rate: float | None = None,
        weight: float = 1.0,
        anchor: Callable[[Tensor], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Teach both networks once; returns the losses by the names of COLUMNS (some only now and then).

        real `[N, 3, H, W]` in -1..1; ws `[N, num_ws, w_dim]` from the generator's mapping, with its gradient.
        `learning_rate` of the generator; `weight` of the adversarial loss; `anchor` is a further loss of the
        generated images, where one knows more about them than that they should look real.
        """
        for group in self.generator_optimiser.param_groups:
            group["lr"] = self.settings.learning_rate if learning_rate is None else learning_rate
        with _half_precision(real):
            fake = self._synthesis(ws).float()
        losses = self._teach_discriminator(real, fake.detach())
        losses |= self._teach_generator(fake, weight, anchor)
        if self.steps % self.settings.r1_every == 0:
            losses["r1"] = self._flatten_discriminator(real)
        if self.steps % self.settings.path_length_every == 0:
            losses["path length"] = self._even_out_generator(len(real), weight, rng)
        self.average.update(self.generator)
        self.steps += 1
        return {name: loss.detach() for name, loss in losses.items()}

    def _teach_discriminator(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(True)
        with _half_precision(real):
            real_logits, fake_logits = self._judge(real).float(), self._judge(fake).float()
        loss = discriminator_loss(real_logits, fake_logits)
        _update(self.discriminator_optimiser, loss)
        return {"discriminator": loss, "real": real_logits.mean(), "generated": fake_logits.mean()}

    def _teach_generator(
        self, fake: Tensor, weight: float, anchor: Callable[[Tensor], Tensor] | None
    ) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(False)
        with _half_precision(fake):
            loss = generator_loss(self._judge(fake).float())
        _update(self.generator_optimiser, weight * loss + (anchor(fake) if anchor else 0))
        return {"generator": loss}

    def _flatten_discriminator(self, real: Tensor) -> Tensor:
        """R1, in full precision and not compiled, since it needs second derivatives."""
        self.discriminator.requires_grad_(True)
        real = real.detach().requires_grad_(True)
        penalty = r1_penalty(self.discriminator(real), real)
        _update(self.discriminator_optimiser, 0.5 * self.settings.r1_gamma * self.settings.r1_every * penalty)
        return penalty

    def _even_out_generator(self, count: int, weight: float, rng: torch.Generator) -> Tensor:
        """The path length of half as many new images."""
        z = torch.randn(max(1, count // 2), self.generator.z_dim, generator=rng)
        device = self.generator.mapping.w_avg.device
        ws = self.generator.mapping(z.to(device))
        penalty = self.path_length.penalty(self.generator.synthesis(ws), ws, rng)
        factor = weight * self.settings.path_length_weight * self.settings.path_length_every
        _update(self.generator_optimiser, factor * penalty)
        return penalty


def mix_styles(mapping: MappingNetwork, z: Tensor, rng: torch.Generator, often: float = 0.9) -> Tensor:
    """W+ codes `[N, num_ws, w_dim]` of latents `[N, z_dim]`; most take their finer layers from other latents.

    Mixing regularisation: layers learn not to rely on each other (Karras et al. 2019, section 3.1).
    """
    ws, others = mapping(z), mapping(torch.randn(z.shape, generator=rng).to(z))
    count = ws.shape[1]
    crossover = torch.randint(1, count, (len(z), 1, 1), generator=rng)
    crossover[torch.rand(len(z), 1, 1, generator=rng) >= often] = count
    coarse = torch.arange(count)[None, :, None] < crossover
    return torch.where(coarse.to(z.device), ws, others)


def _optimiser(network: nn.Module, learning_rate: float, every: int) -> torch.optim.Adam:
    """Adam, corrected for the further steps that lazy regularisation takes (StyleGAN2, appendix B)."""
    share = every / (every + 1)
    return torch.optim.Adam(network.parameters(), learning_rate, betas=(0.0, 0.99**share), eps=1e-8)


def _update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _half_precision(like: Tensor) -> torch.autocast:
    return torch.autocast(like.device.type, torch.bfloat16)
