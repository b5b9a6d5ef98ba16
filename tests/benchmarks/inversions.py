"""How well, and how fast, rendered images that the model never saw are found in W+, with the model's own preset."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from backend.editing.inversion import invert
from backend.editing.preset import LoadedModel
from backend.editing.reconstruction_loss import ReconstructionLoss, psnr
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making import factors
from stylegan2.critters.making.pairs import HELD_OUT, latents
from stylegan2.critters.making.renderer import render
from stylegan2.latent_space import LatentSpace

PLAIN_RATE = 0.05  # of plain Adam, in deviations of W


class Row(NamedTuple):
    """PSNR in dB, distance of the discriminator's features, seconds of wall clock, distance from the mean of W."""

    psnr: float
    features: float
    seconds: float
    distance: float


def add_command(commands: Any) -> None:
    """Add the command `inversions`."""
    parser = commands.add_parser("inversions", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=EMBEDDED, metavar="FILE", help="the model (the embedded one)")
    parser.add_argument("--count", type=int, default=32, help="pictures: the first of the held-out ones (32)")
    parser.add_argument("--first", type=int, default=0, help="leave out so many of them (0)")
    parser.add_argument("--searched", action="store_true", help="without the encoder, too")
    parser.add_argument("--plain", type=int, default=0, metavar="STEPS", help="plain Adam from the mean of W, too")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each image, and what they come to."""
    loaded = open_model(arguments.model)
    ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    if loaded.encoder is not None:
        ways |= {"encoder": lambda target: encoded(loaded, target), "found": lambda target: found(loaded, target)}
    if arguments.searched or loaded.encoder is None:
        bare = LoadedModel(loaded.name, loaded.model, loaded.preset)
        ways["searched"] = lambda target: found(bare, target)
    if arguments.plain:
        ways[f"Adam {arguments.plain}"] = lambda target: plain_adam(loaded, target, arguments.plain)
    chosen = latents(HELD_OUT)[arguments.first : arguments.first + arguments.count]
    rows: dict[str, list[Row]] = {name: [] for name in ways}
    for number, values in enumerate(factors.from_latent(chosen).split(1), start=arguments.first):
        target = render(values, *loaded.model.generator.image_size).float() / 127.5 - 1
        for name, way in ways.items():  # by turns: the machine is the same for all of them
            rows[name].append(measure(loaded, target, way))
        line = (f"  {name} {each[-1].psnr:5.2f} dB {each[-1].seconds:6.2f} s" for name, each in rows.items())
        print(f"  {number:3}", *line, flush=True)
    print("                 mean   median   lowest dB   features   median s   distance")
    for name, each in rows.items():
        quality, features, seconds, distance = np.array(each).T
        print(
            f"{name:12} {quality.mean():8.2f} {np.median(quality):8.2f} {quality.min():8.2f} "
            f"{features.mean():13.3f} {np.median(seconds):10.2f} {distance.mean():10.2f}"
        )


def measure(loaded: LoadedModel, target: torch.Tensor, way: Callable[[torch.Tensor], torch.Tensor]) -> Row:
    """Find an image in one way, and compare what was found."""
    started = time.perf_counter()
    w_plus = way(target)
    seconds = time.perf_counter() - started
    with torch.no_grad():
        image, weight = loaded.model.generator.synthesis(w_plus), torch.ones_like(target[:, :1])
        loss = ReconstructionLoss(loaded.model, target, weight)
        features = float(loss.feature_loss(image)) if loaded.model.discriminator else float("nan")
    distance = float(LatentSpace(loaded.model.generator).distance(w_plus))
    return Row(psnr(image, target, weight), features, seconds, distance)


def encoded(loaded: LoadedModel, target: torch.Tensor) -> torch.Tensor:
    """Return the encoder's guess."""
    assert loaded.encoder is not None
    return loaded.encoder.encode(loaded.model.generator, target, torch.ones_like(target[:, :1]))


def found(loaded: LoadedModel, target: torch.Tensor) -> torch.Tensor:
    """Return what the inversion ends with."""
    weight = torch.ones_like(target[:, :1])
    *_, last = invert(loaded.model, target, weight, loaded.preset.inversion, encoder=loaded.encoder)
    return last.w_plus


def plain_adam(loaded: LoadedModel, target: torch.Tensor, steps: int) -> torch.Tensor:
    """Optimise W+ by Adam alone, from the mean of W, on whole images."""
    generator, space = loaded.model.generator, LatentSpace(loaded.model.generator)
    loss = ReconstructionLoss(loaded.model, target, torch.ones_like(target[:, :1]))
    w_plus = space.mean.repeat(1, generator.num_ws, 1).requires_grad_()
    optimizer = torch.optim.Adam([w_plus], lr=PLAIN_RATE * space.spread)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss.pixel_loss(generator.synthesis(w_plus)).backward()
        optimizer.step()
    return w_plus.detach()
