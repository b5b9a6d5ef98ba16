"""`python -m tests.benchmarks NAME`: run one of the measurements; `--help` tells their names."""

from __future__ import annotations

import argparse

from tests.benchmarks import (
    bare_drags,
    detector_command,
    drag_step,
    drag_window,
    drags,
    editability,
    exact_likeness,
    fit,
    fuzz,
    gpu,
    imports,
    inversion_cost,
    inversions,
    large_layer,
    layers,
    live_drag,
    model,
    soak,
    threads,
)
from tests.benchmarks.latent_transformer import command as latent_transformer
from tests.benchmarks.paper import command as paper


def main() -> None:
    """Read the command line and print the measurement."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True)
    drag_step.add_command(commands)
    drags.add_command(commands)
    bare_drags.add_command(commands)
    gpu.add_command(commands)
    editability.add_command(commands)
    inversions.add_command(commands)
    inversion_cost.add_command(commands)
    fit.add_command(commands)
    exact_likeness.add_command(commands)
    large_layer.add_command(commands)
    layers.add_command(commands)
    detector_command.add_command(commands)
    model.add_command(commands)
    imports.add_command(commands)
    live_drag.add_command(commands)
    threads.add_command(commands)
    latent_transformer.add_command(commands)
    paper.add_command(commands)
    soak.add_command(commands)
    fuzz.add_command(commands)
    drag_window.add_command(commands)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
