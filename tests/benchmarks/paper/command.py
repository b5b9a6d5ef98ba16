"""`paper`: the experiments of "Drag Your GAN" and of what came after it; each goes on where it was stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.models import EMBEDDED
from tests.benchmarks.paper.experiments import EXPERIMENTS, PICTURES
from tests.benchmarks.paper.landmarks import ALL, FIVE, ONE, detector_error
from tests.benchmarks.paper.picture_page import page
from tests.benchmarks.paper.running import Run, known_rows, results

FOLDER = Path(__file__).resolve().parents[3] / ".cache" / "paper"
PAIRS, PICTURE_PAIRS, QUICK = 200, 6, 2
SEED = 20_000  # defaults are chosen on 30000 and up
TABLES = ("1", "2", "3", "4")


def add_command(commands: Any) -> None:
    """Add the command `paper`."""
    parser = commands.add_parser("paper", help=(__doc__ or "").splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--table", choices=TABLES, help="of the paper")
    which.add_argument("--figure", choices=("mask",), help="with the mask's term, and without it")
    which.add_argument("--there-and-back", action="store_true", help="dragged, and dragged back: what is left changed")
    which.add_argument("--out-of-distribution", action="store_true", help="how far beyond its end an edit can go")
    which.add_argument("--pictures", type=Path, metavar="FILE", help="the same drags by us and by the baselines")
    parser.add_argument("--model", default=EMBEDDED, metavar="NAME|FILE", help="the model (the embedded one)")
    parser.add_argument("--points", nargs="+", choices=(ONE, FIVE, ALL), help="landmarks that are dragged")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="some of the rows")
    parser.add_argument("--count", type=int, help=f"pairs ({PAIRS}; {PICTURE_PAIRS} for pictures)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"the first one ({SEED}; choose defaults on others)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pairs: whether it works")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each (1)")
    parser.add_argument(
        "-o", "--output", type=Path, default=FOLDER, metavar="FOLDER", help="of the results, for one state of the code"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do what is missing of an experiment, and print its table; with --pictures, draw the page."""
    experiment = EXPERIMENTS[_chosen(arguments)]
    pairs = PICTURE_PAIRS if arguments.pictures else PAIRS
    try:
        rows = known_rows(experiment, arguments.rows)
        wanted = Run(
            arguments.model,
            rows,
            (arguments.points if not experiment.any_pair else None) or experiment.points,
            QUICK if arguments.quick else arguments.count or pairs,
            arguments.seed,
            arguments.workers,
            arguments.output,
        )
        records = results(experiment, wanted)
    except UserError as error:
        raise SystemExit(str(error)) from None
    print(f"{experiment.title}; {arguments.model}, from seed {arguments.seed}")
    if arguments.model == EMBEDDED:
        print(detector_error(arguments.output))
    print(experiment.report(records, rows))
    if arguments.pictures:
        page(records, rows).save(arguments.pictures)


def _chosen(arguments: argparse.Namespace) -> str:
    if arguments.table:
        return f"table{arguments.table}"
    if arguments.figure:
        return arguments.figure
    if arguments.pictures:
        return PICTURES
    return "there-and-back" if arguments.there_and_back else "out-of-distribution"
