"""`latent-transformer`: train a model's latent transformer from its own samples; drags in one pass."""

from __future__ import annotations

import argparse
from typing import Any

from tqdm import tqdm

from backend.models import EMBEDDED, device, open_model
from tests.benchmarks.latent_transformer.preparation import file_of, prepare


def add_command(commands: Any) -> None:
    """Add the command `latent-transformer`."""
    parser = commands.add_parser("latent-transformer", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=EMBEDDED, metavar="NAME|FILE", help="the model (the embedded one)")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after so long (default: once it is good)")
    parser.add_argument("--resume", action="store_true", help="go on with the training of before")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train, and say where the file is; Ctrl+C keeps what was learned."""
    model = open_model(arguments.model, device.best()).model
    with tqdm(desc="Learning from samples", unit="sample", dynamic_ncols=True) as bar:
        try:
            for step in prepare(model, minutes=arguments.minutes, resume=arguments.resume):
                bar.initial, bar.n, bar.total = bar.initial or step.samples, step.samples, step.total
                bar.set_postfix_str(f"loss {step.loss:.3f}, {step.seconds_left / 60:.0f} minutes left")
        except KeyboardInterrupt:
            bar.write("Stopped; go on with --resume.")
    print(f"The latent transformer is {file_of(model)}.")
