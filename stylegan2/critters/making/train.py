"""The training of the embedded model: `python -m stylegan2.critters train`.

First G learns the very image that belongs to every latent, at growing resolutions; then the adversarial
training goes on from there, with the pair as an anchor: at a quarter of the resolution it says what is where,
at the full one only how strong edges are; how they look is the discriminator's business. The renderer works
beside the training, in a process of its own.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from stylegan2.critters.making import recipe
from stylegan2.critters.making.mixing import mixed_codes
from stylegan2.critters.making.pairs import Pairs, Renderer
from stylegan2.critters.making.recipe import Stage
from stylegan2.discriminator import Discriminator
from stylegan2.model import Metadata, Model
from stylegan2.training.adversarial import COLUMNS, AdversarialTraining, Settings
from stylegan2.training.average import MovingAverage
from stylegan2.training.paired_loss import paired_loss, sharpness_loss
from stylegan2.training.run_folder import RunFolder

KEEP_EVERY = 300.0  # seconds
LOG_EVERY = 100  # steps
WARM_UP = 200  # steps in which the learning rate rises: Adam's moments are fresh
BETAS = (0.9, 0.99)
ADVERSARIAL_WEIGHT = 0.1  # of the adversarial loss beside the pairs'; both then pull about equally
R1_GAMMA = 0.2  # images so near the real ones are told from them by little, which a flat discriminator misses
NEWCOMER = 500  # steps until a new discriminator has its full weight
ANCHOR = 4  # the pairs' loss sees colours and places this many times smaller in the adversarial stage
SOURCE = "trained on rendered toy animals by python -m stylegan2.critters train"


class PairedSteps:
    """Steps of a stage that learns from pairs alone."""

    def __init__(self, run: RunFolder, stage: Stage, device: torch.device, compiled: bool, seed: int) -> None:
        generator = recipe.generator(stage.resolution, run.model(), seed).to(device)
        self.generator = generator.train().requires_grad_(True)
        self.average = MovingAverage(generator, recipe.HALF_LIFE)
        self.optimiser = torch.optim.Adam(generator.parameters(), betas=BETAS)
        self.synthesis = torch.compile(generator.synthesis) if compiled else generator.synthesis
        self.discriminator: Discriminator | None = None

    def __call__(self, z: Tensor, target: Tensor, rng: torch.Generator, learning_rate: float) -> dict[str, Tensor]:
        """Learn that the images `[N, 3, H, W]` belong to the latents `[N, 128]`."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        with torch.autocast(target.device.type, torch.bfloat16):
            prediction = self.synthesis(mixed_codes(self.generator.mapping, z, rng))
        loss = paired_loss(prediction.float(), target)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.average.update(self.generator)
        return {"pairs": loss.detach()}


class AdversarialSteps:
    """Steps of the adversarial stage, with the pairs as an anchor."""

    def __init__(self, run: RunFolder, stage: Stage, device: torch.device, compiled: bool, seed: int) -> None:
        model = run.model()
        self.newcomer = model is None or model.discriminator is None
        self.discriminator: Discriminator | None = recipe.discriminator(stage.resolution, model, seed).to(device)
        generator = recipe.generator(stage.resolution, model, seed).to(device)
        settings = Settings(r1_gamma=R1_GAMMA, half_life=recipe.HALF_LIFE, compiled=compiled)
        self.training = AdversarialTraining(generator, self.discriminator, settings)
        self.average = self.training.average

    def __call__(self, z: Tensor, target: Tensor, rng: torch.Generator, learning_rate: float) -> dict[str, Tensor]:
        """Teach both networks with the rendered images as the real ones."""
        found: dict[str, Tensor] = {}

        def anchor(prediction: Tensor) -> Tensor:
            places = paired_loss(F.avg_pool2d(prediction, ANCHOR), F.avg_pool2d(target, ANCHOR))
            found["pairs"] = places + sharpness_loss(prediction, target)
            return found["pairs"]

        ramp = min(1.0, self.training.steps / NEWCOMER) if self.newcomer else 1.0
        ws = mixed_codes(self.training.generator.mapping, z, rng)
        losses = self.training.step(target, ws, rng, learning_rate, ADVERSARIAL_WEIGHT * ramp, anchor)
        return losses | {"pairs": found["pairs"].detach()}


def train(
    folder: Path,
    minutes: float,
    resume: bool = False,
    stages: tuple[Stage, ...] = recipe.STAGES,
    blocks: int = recipe.BLOCKS,
    compiled: bool = True,
    seed: int = 0,
) -> bool:
    """Render and train for so many minutes, on a GPU when there is one; whether the recipe is at its end.

    The folder is a run's (`RunFolder`); the rendered pairs are in it, too, 50 MB for each of the blocks.
    Stages, blocks and seed decide what is learned, the minutes only where it is interrupted. `compiled`
    doubles the speed, where torch finds a compiler, after a minute of compiling. Raises ModelError when the
    folder holds another run, or none to resume; KeyboardInterrupt once what was learned so far is kept.
    """
    until = time.monotonic() + 60 * minutes
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = RunFolder(folder, resume)
    pairs = Pairs(folder / "pairs", max(stage.resolution for stage in stages))
    with Renderer(pairs, blocks, device.type, compiled) as renderer:
        while run.state.stage < len(stages) and time.monotonic() < until:
            stage = stages[run.state.stage]
            kind = AdversarialSteps if stage.adversarial else PairedSteps
            _run_stage(run, stage, kind(run, stage, device, compiled, seed), renderer, device, until, seed)
            if run.state.images < stage.images:
                break
            run.state.stage, run.state.images = run.state.stage + 1, 0
            run.keep_state()
    return run.state.stage >= len(stages)


def _run_stage(
    run: RunFolder,
    stage: Stage,
    steps: PairedSteps | AdversarialSteps,
    renderer: Renderer,
    device: torch.device,
    until: float,
    seed: int,
) -> None:
    """Take steps to the end of the stage or of the time; keep the model now and then and in any case at the end."""
    state, first, kept = run.state, run.state.images, time.monotonic()
    recent: dict[str, list[Tensor]] = {}
    bar = tqdm(total=stage.images, initial=first, desc=stage.name, unit="img", mininterval=1)
    try:
        while state.images < stage.images and (started := time.monotonic()) < until:
            z, images = renderer.batch(recipe.BATCH, seed, state.steps)
            rng = torch.Generator().manual_seed(seed * 1_000_003 + state.steps)
            rate = learning_rate(stage, state.images, state.images - first)
            for name, loss in steps(z.to(device), scaled(images.to(device), stage.resolution), rng, rate).items():
                recent.setdefault(name, []).append(loss)
            state.steps += 1
            state.images += len(z)
            state.seconds += time.monotonic() - started
            bar.update(len(z))
            if state.steps % LOG_EVERY == 0:
                means = {name: float(torch.stack(losses).mean()) for name, losses in recent.items()}
                run.log(("learning rate", "pairs", *COLUMNS), {"learning rate": rate, **means})
                recent.clear()
            if started - kept > KEEP_EVERY:
                _keep(run, steps)
                kept = started
    finally:
        bar.close()
        _keep(run, steps)


def _keep(run: RunFolder, steps: PairedSteps | AdversarialSteps) -> None:
    run.keep(Model(steps.average.network, steps.discriminator, Metadata("Critters", "CC0-1.0", SOURCE)))


def learning_rate(stage: Stage, images: int, since_start: int) -> float:
    """At so many images of a stage, so many of them since the optimiser was new."""
    first, last = stage.learning_rate
    falling = last + (first - last) * 0.5 * (1 + math.cos(math.pi * min(1.0, images / stage.images)))
    return falling * min(1.0, (since_start / recipe.BATCH + 1) / WARM_UP)


def scaled(images: Tensor, resolution: int) -> Tensor:
    """Images uint8 `[N, 3, H, H]` -> float in -1..1 at a resolution that divides theirs."""
    return F.avg_pool2d(images.float() / 127.5 - 1, images.shape[-1] // resolution)
