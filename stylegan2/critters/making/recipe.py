"""How the embedded model is made: its architecture, and the stages of its training in their order."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylegan2.architecture import discriminator_architecture, generator_architecture
from stylegan2.critters.making.pairs import RESOLUTION, Z_DIM
from stylegan2.discriminator import Discriminator
from stylegan2.generator import Generator
from stylegan2.model import Model
from stylegan2.training.growth import grown, new_generator

W_DIM = 128
CHANNEL_BASE, CHANNEL_MAX = 4096, 256
BATCH = 8
HALF_LIFE = 500  # steps of the moving average
BLOCKS = 80  # of 256 rendered pairs


@dataclass(frozen=True)
class Stage:
    """One stage of the training; its learning rate falls from the first to the last number along a cosine."""

    name: str
    resolution: int
    images: int
    learning_rate: tuple[float, float]
    adversarial: bool = False


STAGES = (
    Stage("paired 32", 32, 160_000, (1e-2, 5e-3)),
    Stage("paired 64", 64, 160_000, (1e-2, 4e-3)),
    Stage("paired 128", 128, 48_000, (6e-3, 1.5e-3)),
    Stage("paired 256", RESOLUTION, 48_000, (3e-3, 2e-4)),
    Stage("adversarial 256", RESOLUTION, 24_000, (1e-3, 2e-4), adversarial=True),
)


def generator(resolution: int, before: Model | None, seed: int) -> Generator:
    """The generator at a stage, grown out of the model so far.

    Two mapping layers: deeper ones learned pairs badly. No noise inputs: what they would add is not in the
    renderer's images, and an inversion would have to explain it.
    """
    architecture = generator_architecture(
        z_dim=Z_DIM,
        w_dim=W_DIM,
        img_resolution=resolution,
        mapping_layers=2,
        lr_multiplier=1.0,
        channel_base=CHANNEL_BASE,
        channel_max=CHANNEL_MAX,
        use_noise=False,
    )
    return new_generator(architecture, seed) if before is None else grown(before.generator, architecture, seed)


def discriminator(resolution: int, before: Model | None, seed: int) -> Discriminator:
    """The discriminator of the adversarial stage: the one so far, or a new one."""
    if before is not None and before.discriminator is not None:
        return before.discriminator
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Discriminator(
            discriminator_architecture(
                img_resolution=resolution, channel_base=CHANNEL_BASE, channel_max=CHANNEL_MAX, mbstd_group_size=4
            )
        )
