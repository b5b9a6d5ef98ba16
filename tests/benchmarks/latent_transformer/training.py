"""The training of a generator's latent transformer, from the generator's own samples: no images are needed."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

import stylegan2
from stylegan2.training.average import MovingAverage
from tests.benchmarks.latent_transformer.network import LatentTransformer
from tests.benchmarks.latent_transformer.trajectories import IMAGES, Trajectory, new_trajectory

BATCH = 64  # pairs of images
NEW = 1  # trajectory of a step
KEPT = 256  # trajectories: to draw one costs as much as a step, and each holds many drags
FIRST = 8  # trajectories before the first step
MOST_HANDLES = 32
STILL = 0.1  # of the largest motion: how likely points are that do not move, beside those that do
LEARNING_RATE = 1e-3
WARM_UP = 200  # steps
WEIGHT_DECAY = 1e-4
LARGEST_GRADIENT = 1.0
SMALLEST = 1e-3  # divisor
HALF_LIFE = 300  # steps of the moving average


class LatentTransformerTraining:
    """The steps of a training, which can be stopped after any of them and gone on with from the network so far."""

    def __init__(
        self, generator: stylegan2.Generator, network: LatentTransformer | None = None, steps: int = 0, seed: int = 0
    ) -> None:
        """Begin, or go on.

        Args:
            generator: whose samples are learned from.
            network: to go on with; a new one by default.
            steps: taken so far.
            seed: of the samples.
        """
        self.generator, self.steps, self.seed = generator, steps, seed
        device = generator.mapping.w_avg.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = (network or LatentTransformer.for_generator(generator)).to(device)
        self._trajectories: deque[Trajectory] = deque(maxlen=KEPT)
        self._draw(FIRST, self._rng(self.steps - 1))
        if network is None:
            self._measure()
        self.network.train().requires_grad_(True)
        self._average = MovingAverage(self.network, HALF_LIFE)
        self._optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=WEIGHT_DECAY)

    @property
    def average(self) -> LatentTransformer:
        """The network so far."""
        return self._average.network

    def step(self, rate: float = 1.0) -> float:
        """Learn from a batch of drags; return the squared error of the codes, in the spread of W.

        Args:
            rate: of the learning rate.
        """
        rng = self._rng(self.steps)
        self._draw(NEW, rng)
        code, wanted, *handles = self._batch(rng)
        self._optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate * min((self._average.steps + 1) / WARM_UP, 1)
        self._optimizer.zero_grad(set_to_none=True)
        loss = ((self.network(code, *handles) - wanted) / self.network.spread).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        self.steps += 1
        self._average.update(self.network)
        return float(loss.detach())

    def _rng(self, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed * 1_000_003 + 1 + step)

    def _draw(self, count: int, rng: torch.Generator) -> None:
        a = self.network.architecture
        for _ in range(count):
            self._trajectories.append(new_trajectory(self.generator, a.layers, a.feature_block, rng))

    def _measure(self) -> None:
        """Measure by what features and motion are to be divided."""
        features = torch.cat([one.features.flatten(0, 1) for one in self._trajectories]).float()
        self.network.feature_mean.copy_(features.mean(dim=0))
        self.network.feature_deviation.copy_(features.std(dim=0).clamp(min=SMALLEST))
        motion = torch.cat([one.motion[one.found] for one in self._trajectories])
        self.network.motion_deviation.fill_(float(motion.square().mean().sqrt().clamp(min=SMALLEST)))

    def _batch(self, rng: torch.Generator) -> list[Tensor]:
        """Draw pairs of images: the code of one, that of the other, and the handles as the network takes them."""
        rows = [self._pair(rng) for _ in range(BATCH)]
        return [torch.stack(column) for column in zip(*rows, strict=True)]

    def _pair(self, rng: torch.Generator) -> tuple[Tensor, ...]:
        trajectory = self._trajectories[int(torch.randint(len(self._trajectories), (), generator=rng))]
        before, after = torch.randint(IMAGES, (2,), generator=rng).tolist()
        motion, found = trajectory.motion[before, after], trajectory.found[before, after]
        far = motion.norm(dim=1)
        weight = (far + STILL * far.max() + 1e-6) * (found + 1e-6)
        chosen = torch.multinomial(weight.cpu(), MOST_HANDLES, generator=rng).to(motion.device)
        handles = round(float(MOST_HANDLES ** torch.rand((), generator=rng)))
        return (
            trajectory.codes[before],
            trajectory.codes[after],
            trajectory.features[before, chosen].float(),
            trajectory.places[before, chosen],
            motion[chosen],
            torch.arange(MOST_HANDLES, device=motion.device) >= handles,
        )
