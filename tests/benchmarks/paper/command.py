"""`paper`: the experiments of "Drag Your GAN" and of what came after it, as commands that go on where they stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from backend.models import EMBEDDED
from tests.benchmarks.paper.experiments import EXPERIMENTS, Experiment
from tests.benchmarks.paper.landmarks import ALL, FIVE, ONE
from tests.benchmarks.paper.running import run_experiment

FOLDER = Path(__file__).resolve().parents[3] / ".cache" / "paper"
PAIRS, QUICK = 200, 2
SEED = 20_000  # the defaults are chosen on 30000 and up


def add_command(commands: Any) -> None:
    """Add the command `paper`."""
    parser = commands.add_parser("paper", help=(__doc__ or "").splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--table", choices=[name for name in EXPERIMENTS if name.isdigit()], help="of the paper")
    which.add_argument("--figure", choices=["mask"], help="with and without the mask's term")
    which.add_argument("--there-and-back", action="store_true", help="dragged, and dragged back: what is left changed")
    which.add_argument("--out-of-distribution", action="store_true", help="how far beyond its end an edit can go")
    which.add_argument("--pictures", type=Path, metavar="FILE.png", help="the same drags by us and by the baselines")
    parser.add_argument("--model", default=EMBEDDED, metavar="NAME|FILE", help="the model (the embedded one)")
    parser.add_argument("--points", nargs="*", choices=(ONE, FIVE, ALL), help="landmarks that are dragged")
    parser.add_argument("--rows", nargs="*", metavar="NAME", help="some of the table's rows; as far as they are known")
    parser.add_argument("--count", type=int, help=f"pairs ({PAIRS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"the first one ({SEED})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pairs: whether it works")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each (1)")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, metavar="FOLDER", help="of the results")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do what is missing of an experiment, and print its table."""
    count = QUICK if arguments.quick else arguments.count or PAIRS
    print(run_experiment(_chosen(arguments), arguments, count))


def _chosen(arguments: argparse.Namespace) -> Experiment:
    named = {"there-and-back": arguments.there_and_back, "out-of-distribution": arguments.out_of_distribution}
    name = arguments.table or arguments.figure or next(name for name, wanted in named.items() if wanted)
    return EXPERIMENTS[name]
