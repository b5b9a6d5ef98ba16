"""Command line: `python -m stylegan2.training IMAGES RUN`: a model of one's own from a folder of images."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

from ..architecture import discriminator_architecture, generator_architecture
from ..discriminator import Discriminator
from ..errors import ModelError
from ..generator import Generator
from ..model import Metadata, Model
from .adversarial import COLUMNS, AdversarialTraining, Settings, mix_styles
from .images import ImageFolder
from .run_folder import RunFolder

BATCH = 8
LATENT = 512
CHANNEL_BASE = 16384  # half of the papers' largest configuration
COMPILED = True
R1_PER_PIXEL = 0.0002  # gamma is this times the pixels of an image per image of a batch
KEEP_EVERY = 600.0  # seconds
LOG_EVERY = 50  # steps


def main(arguments: list[str] | None = None) -> int:
    """Train; returns the exit code: 0 = done or stopped, 2 = refused with one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        _train(options)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or options.run} cannot be used: {error.strerror or error}.", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stylegan2.training",
        description="Train a StyleGAN2 on a folder of images. The model is RUN/model.safetensors.",
    )
    parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of images, some thousands of them")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder for the model, the log and samples")
    parser.add_argument("--resolution", type=int, choices=[32, 64, 128, 256, 512, 1024], default=256)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long (60)")
    parser.add_argument("--resume", action="store_true", help="go on with the training in RUN")
    return parser


def _train(options: argparse.Namespace) -> None:
    until = time.monotonic() + 60 * options.minutes
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = RunFolder(options.run, options.resume)
    images = ImageFolder(options.images, options.resolution)
    for file in images.left_out[:3]:
        print(f"{file} is no picture that can be read and is left out.", file=sys.stderr)
    model = run.model() or _new_model(options.resolution)
    if model.discriminator is None or model.generator.img_resolution != options.resolution:
        raise ModelError(f"The model in {options.run} has another resolution; name that one with --resolution.")
    settings = Settings(r1_gamma=R1_PER_PIXEL * options.resolution**2 / BATCH, compiled=COMPILED)
    training = AdversarialTraining(model.generator.to(device), model.discriminator.to(device), settings)
    try:
        _steps(training, images, run, until, device)
    except KeyboardInterrupt:
        print("Stopped; go on with --resume.", file=sys.stderr)
    run.keep(Model(training.average.network, training.discriminator, model.metadata))


def _steps(
    training: AdversarialTraining, images: ImageFolder, run: RunFolder, until: float, device: torch.device
) -> None:
    kept = time.monotonic()
    bar = tqdm(initial=run.state.images, unit="img", mininterval=1)
    for batch in images.batches(BATCH, seed=0, start=run.state.steps):
        started = time.monotonic()
        if started >= until:
            return
        rng = torch.Generator().manual_seed(run.state.steps)
        z = torch.randn(BATCH, training.generator.z_dim, generator=rng).to(device)
        losses = training.step(batch.to(device), mix_styles(training.generator.mapping, z, rng), rng)
        run.state.steps += 1
        run.state.images += BATCH
        run.state.seconds += time.monotonic() - started
        bar.update(BATCH)
        if run.state.steps % LOG_EVERY == 0:
            run.log(COLUMNS, {name: float(loss) for name, loss in losses.items()})
        if started - kept > KEEP_EVERY:
            run.keep(Model(training.average.network, training.discriminator, Metadata("trained")))
            kept = started


def _new_model(resolution: int) -> Model:
    torch.manual_seed(0)
    generator = Generator(
        generator_architecture(z_dim=LATENT, w_dim=LATENT, img_resolution=resolution, channel_base=CHANNEL_BASE)
    )
    discriminator = Discriminator(discriminator_architecture(img_resolution=resolution, channel_base=CHANNEL_BASE))
    return Model(generator, discriminator, Metadata("trained"))


if __name__ == "__main__":
    sys.exit(main())
