"""The training of a generator's encoder, from the generator's own samples: no images are needed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoder import Encoder
from ..generator import Generator
from .augmentation import degraded, moved, opacity, relit
from .average import MovingAverage
from .views import random_places, views_of

BATCH = 16
USES = 3  # of a batch of samples, each time augmented anew: to synthesise it costs as much as to learn from it
PASSES = 2  # of the encoder in training; later ones do as the second
LEARNING_RATE = 5e-4
WARM_UP = 200  # steps
WEIGHT_DECAY = 1e-4
LARGEST_GRADIENT = 1.0
PYRAMID_LEVELS = 4  # of the loss between the drafts: coarse differences tell a pose
CODE_WEIGHT = 0.02  # of the squared error of the whitened codes, most of which no image shows
PLACE_WEIGHT = 0.1  # of the error of the localisation
PSI = (0.7, 1.1)  # samples lie at such truncations
MIXED = 0.3  # share of the samples that are made of two codes
JITTER = 0.1  # deviation of each number of W+, in that of W
HALF_LIFE = 500  # steps of the moving average


class EncoderTraining:
    """The steps of a training, which can be stopped after any of them and gone on with from the encoder so far."""

    def __init__(self, generator: Generator, encoder: Encoder | None = None, steps: int = 0, seed: int = 0) -> None:
        """Begin, or go on.

        Args:
            generator: whose samples are learned from.
            encoder: to go on with; a new one by default.
            steps: taken so far.
            seed: of the samples.
        """
        self.generator, self.steps, self.seed = generator, steps, seed
        self._samples: tuple[Tensor, Tensor] | None = None
        device = generator.mapping.w_avg.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = (encoder or Encoder.for_generator(generator)).to(device).train().requires_grad_(True)
        self._average = MovingAverage(self.encoder, HALF_LIFE)
        self._optimizer = torch.optim.AdamW(self.encoder.parameters(), weight_decay=WEIGHT_DECAY)

    @property
    def average(self) -> Encoder:
        """The encoder so far."""
        return self._average.network

    def step(self, rate: float = 1.0) -> dict[str, float]:
        """Learn from a batch of samples.

        Args:
            rate: of the learning rate.

        Returns:
            The losses: "image" and "code" after the last pass, and "place".
        """
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + self.steps)
        self._optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate * min((self._average.steps + 1) / WARM_UP, 1)
        self._optimizer.zero_grad(set_to_none=True)
        losses = self._backward(rng)
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        self.steps += 1
        self._average.update(self.encoder)
        return losses

    def _backward(self, rng: torch.Generator) -> dict[str, float]:
        """Add up the gradients of all passes over a batch; return the losses after the last one."""
        encoder, generator = self.encoder, self.generator
        with torch.no_grad():
            if self._samples is None or self.steps % USES == 0:
                self._samples = self._synthesize(rng)
            w_plus, upright = self._samples
            sample = relit(moved(upright, rng), rng)
            seen, opaque = degraded(sample, rng), opacity(sample, rng)
            target = encoder.to_whitened(w_plus)
            code = torch.zeros_like(target)
            draft = encoder.draft(generator, code[:1]).expand(BATCH, -1, -1, -1)
        of_place = self._place_loss(upright, rng)
        (PLACE_WEIGHT * of_place).backward()
        losses = {"place": of_place.item()}
        for _ in range(PASSES):
            shown = encoder.to_input(draft.detach()).clamp(-1, 1)
            with autocast(self.encoder.mean.device.type):
                code = encoder(torch.lerp(shown, seen, opaque), shown, code.detach()).float()
                draft = encoder.draft(generator, code)
            draft = draft.float()
            of_image, of_code = pyramid_loss(draft, sample, opaque), (code - target).square().mean()
            (of_image + CODE_WEIGHT * of_code).backward()
            losses |= {"image": of_image.item(), "code": of_code.item()}
        return losses

    def _synthesize(self, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw a batch of codes and make their images, of the encoder's input size."""
        w_plus = random_codes(self.generator, BATCH, rng)
        with autocast(self.encoder.mean.device.type):
            image = self.generator.synthesis(w_plus)
        return w_plus, self.encoder.to_input(image.float().clamp(-1, 1))

    def _place_loss(self, sample: Tensor, rng: torch.Generator) -> Tensor:
        """How wrong the localisation of samples in larger views is; what is small is to be found as exactly."""
        place = random_places(len(sample), rng)
        view = degraded(relit(views_of(sample, place, rng), rng), rng)
        place = place.to(sample)
        with autocast(self.encoder.mean.device.type):
            found = self.encoder.localization(view)
        error, size = found.float() - place, place[:, 2:3].exp()
        return F.smooth_l1_loss(torch.cat([error[:, :2] / size, error[:, 2:]], dim=1), torch.zeros_like(place))


def autocast(device: str) -> torch.autocast:
    """Compute in 16 bits where the processor does; where it only pretends to, that is slower."""
    fast = device == "cuda" or bool(device == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=fast)


def random_codes(generator: Generator, count: int, rng: torch.Generator) -> Tensor:
    """Draw codes [count, num_ws, w_dim] as an edit may meet them: truncated, mixed of two, each layer a little off."""
    first, second = (_sampled(generator, count, rng) for _ in range(2))
    layer = torch.arange(generator.num_ws)
    crossover = torch.randint(1, generator.num_ws, (count, 1), generator=rng)
    mixed = (torch.rand(count, 1, generator=rng) < MIXED) & (layer >= crossover)
    w_plus = torch.where(mixed[..., None].to(first.device), second, first)
    low, high = PSI
    psi = low + (high - low) * torch.rand(count, 1, 1, generator=rng)
    mean = generator.mapping.w_avg
    noise = torch.randn(w_plus.shape, generator=rng).to(w_plus)
    return mean + psi.to(w_plus) * (w_plus - mean) + JITTER * first.std() * noise


def _sampled(generator: Generator, count: int, rng: torch.Generator) -> Tensor:
    z = torch.randn(count, generator.z_dim, generator=rng).to(generator.mapping.w_avg.device)
    labels = None
    if generator.c_dim:
        labels = F.one_hot(torch.randint(generator.c_dim, (count,), generator=rng), generator.c_dim).to(z.device)
    return generator.mapping(z, labels)


def pyramid_loss(draft: Tensor, sample: Tensor, opaque: Tensor) -> Tensor:
    """Mean squared difference of images [N, 3, h, w] at several scales, where `opaque` [N, 1, H, W] says it counts."""
    size = (draft.shape[2], draft.shape[3])
    weight = F.adaptive_avg_pool2d(opaque, size)
    difference = (draft - F.adaptive_avg_pool2d(sample, size)) * weight
    total = difference.square().mean()
    for _ in range(PYRAMID_LEVELS - 1):
        if min(difference.shape[2:]) < 2:
            break
        difference = F.avg_pool2d(difference, 2)
        total = total + difference.square().mean()
    return total / weight.mean()
