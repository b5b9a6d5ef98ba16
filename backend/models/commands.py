"""The command `python -m backend models list|add|remove`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from backend.models import models, store


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add models. Each of its commands sets `run`, which takes the arguments and returns the exit code."""
    parser = subparsers.add_parser("models", help="say which models there are, add one, remove one")
    commands = parser.add_subparsers(required=True, metavar="list|add|remove")
    commands.add_parser("list", help="name, size, licence, source and file of each model").set_defaults(run=_list)
    adding = commands.add_parser("add", help="take a model file into the store")
    adding.add_argument("file", type=Path, metavar="FILE", help="NVIDIA's .pkl or a .safetensors file")
    adding.add_argument("--name", required=True, metavar="NAME", help="what it is called from now on")
    adding.set_defaults(run=_add)
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


def _remove(arguments: argparse.Namespace) -> int:
    print(f'The model "{arguments.name}" is no more; {store.remove(arguments.name)} has been deleted.')
    return 0


def _printable(text: str) -> str:
    """Return a text without control characters: what a file says about itself must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
