"""Command line: `python -m stylegan2.critters render|grid|measure|train`: animals, and the model that makes them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor

from stylegan2 import load, samples
from stylegan2.critters import WEIGHTS
from stylegan2.critters.making import factors, measure, renderer
from stylegan2.critters.making.train import train
from stylegan2.errors import ModelError
from stylegan2.training.images import write_png

RUN = Path("critters-run")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 = done, 2 = refused with one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "render":
            write_png(_rendered(options), options.output)
        elif options.command == "grid":
            write_png(_grid(options), options.output)
        elif options.command == "measure":
            _tell(options)
        else:
            _train(options)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    except (ValueError, KeyError) as error:
        print(error.args[0], file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or 'The file'} cannot be written: {error.strerror or error}.", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stylegan2.critters", description="Toy animals.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("render", help="render an animal")
    one.add_argument("--height", type=int, default=500)
    one.add_argument("--width", type=int, default=700)
    one.add_argument("--psi", type=float, default=0.7, help="how far from the middle its factors may be (0.7)")
    one.add_argument(
        "--set", action="append", default=[], metavar="FACTOR=VALUE", help="give a factor, 0 to 1, e.g. yaw=0.8"
    )
    grid = commands.add_parser("grid", help="samples of the model: above at psi 0.7, below at psi 1")
    grid.add_argument("--count", type=int, default=64, help="how many at each psi (64)")
    grid.add_argument("--columns", type=int, default=16)
    tell = commands.add_parser("measure", help="compare generated pictures with the rendered ones they stand for")
    tell.add_argument("--count", type=int, default=64, help="how many (64)")
    training = commands.add_parser("train", help="make the model: render pictures and train on them")
    training.add_argument(
        "run", type=Path, metavar="RUN", nargs="?", default=RUN,
        help=f"folder for the model, the log, samples and pictures, 4 GB ({RUN})",
    )  # fmt: skip
    training.add_argument("--minutes", type=float, default=60.0, help="stop after so long (60)")
    training.add_argument("--resume", action="store_true", help="go on with the training in RUN")
    for command in (one, grid, tell):
        command.add_argument("--seed", type=int, default=0)
    for command in (one, grid):
        command.add_argument("-o", "--output", type=Path, required=True, metavar="PNG")
    return parser


def _rendered(options: argparse.Namespace) -> Tensor:
    if not 0 <= options.psi <= 2:
        raise ValueError(f"--psi can be 0 to 2, not {options.psi:g}.")
    animal = factors.random(options.seed, 1, options.psi)
    for setting in options.set:
        name, _, text = setting.partition("=")
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"--set wants a factor and a number, as in yaw=0.8, not {setting!r}.") from None
        if not 0 <= value <= 1:
            raise ValueError(f"The factor {name} can be 0 to 1, not {text}.")
        animal = factors.changed(animal, name, value)
    return renderer.render(animal, options.height, options.width)[0]


def _grid(options: argparse.Namespace) -> Tensor:
    _need_one(options.count, "--count")
    _need_one(options.columns, "--columns")
    generator = load(WEIGHTS).generator
    sheets = [samples.sheet(generator, options.seed, options.count, psi, options.columns) for psi in (0.7, 1.0)]
    return torch.cat(sheets, dim=1)


def _tell(options: argparse.Namespace) -> None:
    _need_one(options.count, "--count")
    generator = load(WEIGHTS).generator
    for spread, which in ((1.0, "all animals"), (0.7, "factors pulled to the middle")):
        found = measure.paired_quality(generator, options.seed, options.count, spread)
        low, middle, high = torch.quantile(found.psnr, torch.tensor([0.1, 0.5, 0.9])).tolist()
        print(
            f"{which}: PSNR {found.psnr.mean():.2f} dB on average of {options.count}, "
            f"10/50/90 % {low:.1f} / {middle:.1f} / {high:.1f} dB, "
            f"gradient energy {found.sharpness:.0%} of the renderer's"
        )


def _train(options: argparse.Namespace) -> None:
    try:
        done = train(options.run, options.minutes, options.resume)
    except KeyboardInterrupt:
        done = False
    print(f"The model is {options.run / 'model.safetensors'}." + ("" if done else " Go on with --resume."))


def _need_one(number: int, name: str) -> None:
    if number < 1:
        raise ValueError(f"{name} has to be at least 1, not {number}.")
