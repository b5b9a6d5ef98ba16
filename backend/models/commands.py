"""The command `python -m backend models list|add|prepare|remove`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from backend.models import device, encoders, models, store


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add models. Each of its commands sets `run`, which takes the arguments and returns the exit code."""
    parser = subparsers.add_parser("models", help="say which models there are, add, prepare or remove one")
    commands = parser.add_subparsers(required=True, metavar="list|add|prepare|remove")
    commands.add_parser("list", help="name, size, licence, source and file of each model").set_defaults(run=_list)
    adding = commands.add_parser("add", help="take a model file into the store")
    adding.add_argument(
        "file", type=Path, metavar="FILE", help="NVIDIA's .pkl, rosinality's .pt or a .safetensors file"
    )
    adding.add_argument("--name", required=True, metavar="NAME", help="what it is called from now on")
    adding.set_defaults(run=_add)
    preparing = commands.add_parser("prepare", help="train a model's encoder, so that pictures are found in seconds")
    preparing.add_argument("name", metavar="NAME|FILE")
    preparing.add_argument(
        "--minutes", type=_minutes, metavar="M", help="stop after so long (default: once it is good)"
    )
    preparing.add_argument("--resume", action="store_true", help="go on with the training of before")
    preparing.set_defaults(run=_prepare)
    removing = commands.add_parser("remove", help="delete a model from the store")
    removing.add_argument("name", metavar="NAME")
    removing.set_defaults(run=_remove)


def _list(_: argparse.Namespace) -> int:
    for model in models.offered():
        size = "cannot be read" if model.size is None else f"{model.size[1]} x {model.size[0]}"
        print("  ".join(_printable(text) for text in (model.name, size, model.licence, model.source, str(model.path))))
    return 0


def _add(arguments: argparse.Namespace) -> int:
    target = store.add(arguments.file, arguments.name)
    print(f'The model "{arguments.name}" is {target}; GIMP offers it from now on.')
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    model = models.open_model(arguments.name, device.best()).model
    file = encoders.file_of(model.sha256)
    with tqdm(desc="Learning from samples", unit="sample", dynamic_ncols=True) as bar:
        try:
            for step in encoders.prepare(model, minutes=arguments.minutes, resume=arguments.resume):
                if not bar.n:
                    bar.initial = bar.n = step.samples
                    bar.write(f"This takes about {step.seconds_left / 60:.0f} minutes; Ctrl+C keeps what was learned.")
                bar.total = step.total
                bar.set_postfix_str(f"{step.seconds_left / 60:.0f} minutes left", refresh=False)
                bar.update(step.samples - bar.n)
        except KeyboardInterrupt:
            bar.close()
            print(f"Stopped. What was learned is kept in {file}; go on with --resume.")
            return 0
    print(f"The model is prepared; its encoder is {file}.")
    return 0


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give a number of minutes above 0")
    return minutes


def _remove(arguments: argparse.Namespace) -> int:
    print(f'The model "{arguments.name}" is no more; {store.remove(arguments.name)} has been deleted.')
    return 0


def _printable(text: str) -> str:
    """Return a text without control characters: what a file says about itself must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
