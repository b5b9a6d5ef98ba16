"""`detector train|measure`: train the landmark detector, and say how far it is off on images it never saw."""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegan2.critters.making import factors
from stylegan2.critters.making.geometry import compile_parts
from stylegan2.critters.making.landmarks import LANDMARKS, landmarks
from stylegan2.critters.making.pairs import BLOCK, HELD_OUT, RESOLUTION, Pairs
from tests.benchmarks.detector import WEIGHTS, Sight, load_detector, save_detector
from tests.benchmarks.detector_training import STEPS, train

PAIRS = Path(tempfile.gettempdir()) / "critters" / "pairs"


def add_command(commands: Any) -> None:
    """Add the command `detector`, which has two of its own."""
    parser = commands.add_parser("detector", help=(__doc__ or "").splitlines()[0])
    actions = parser.add_subparsers(required=True)
    training = actions.add_parser("train", help="train it on rendered pictures, and write its weights")
    training.add_argument("--minutes", type=float, default=math.inf, help="stop before all steps are done")
    training.add_argument("--steps", type=int, default=STEPS, help=f"of 32 pictures ({STEPS})")
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--weights", type=Path, default=WEIGHTS, metavar="FILE", help="where to write them")
    training.set_defaults(run=run_training)
    measuring = actions.add_parser("measure", help="its errors on held-out renders")
    measuring.add_argument("--blocks", type=int, default=2, help=f"held-out blocks of {BLOCK} pictures (2)")
    measuring.add_argument("--weights", type=Path, default=WEIGHTS, metavar="FILE")
    measuring.set_defaults(run=run_measurement)
    for action in (training, measuring):
        action.add_argument("--pairs", type=Path, default=PAIRS, metavar="FOLDER", help="of rendered pictures")


def run_training(arguments: argparse.Namespace) -> None:
    """Train, and write the weights."""
    save_detector(train(arguments.pairs, arguments.seed, arguments.steps, arguments.minutes), arguments.weights)


def run_measurement(arguments: argparse.Namespace) -> None:
    """Print the errors."""
    detector, pairs = load_detector(arguments.weights), Pairs(arguments.pairs)
    blocks = range(HELD_OUT, HELD_OUT + arguments.blocks)
    if not all(pairs.path(block).exists() for block in blocks):
        compile_parts()
    sights: list[Sight] = []
    values = []
    for block in blocks:
        pairs.render(block)
        z, images = pairs.read(block, torch.arange(BLOCK))
        values.append(factors.from_latent(z))
        sights.append(detector.look(images))
    wanted = torch.cat(values)
    points, visibility = landmarks(wanted, RESOLUTION)
    error = (torch.cat([sight.points for sight in sights]) - points).norm(dim=-1) / RESOLUTION
    visible = visibility == 1
    print(f"{len(wanted)} held-out renders of {RESOLUTION} pixels")
    print(f"landmarks that show, error in % of the width: {_spread(error[visible])}")
    for column, name in enumerate(LANDMARKS):
        print(f"  {name:18} {_spread(error[:, column][visible[:, column]])}")
    said = torch.cat([sight.visibility for sight in sights]) > 0.5
    hidden_found = (~said[~visible]).float().mean()
    print(
        f"visibility right for {(said == visible).float().mean():.1%}: "
        f"{said[visible].float().mean():.1%} of those that show, {hidden_found:.1%} of those that do not"
    )
    _print_factors(torch.cat([sight.factors for sight in sights]) - wanted)


def _print_factors(error: Tensor) -> None:
    """Mean absolute errors; always answering 0.5 would have one of 0.25."""
    mean = error.abs().mean(0)
    print(f"factors, which are in 0..1, mean error {mean.mean():.3f} (0.25 for who never looks):")
    entries = [f"{name} {value:.3f}" for name, value in zip(factors.NAMES, mean.tolist(), strict=True)]
    for start in range(0, len(entries), 4):
        print("  " + "".join(f"{entry:30}" for entry in entries[start : start + 4]).rstrip())


def _spread(errors: Tensor) -> str:
    percent = errors * 100
    return f"median {percent.median():.2f}  mean {percent.mean():.2f}  90 % {percent.quantile(0.9):.2f}"
