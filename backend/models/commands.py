"""The commands `python -m backend models list|show|download|add|remove|verify|suggest|prepare`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from backend import paths
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError
from backend.models import device, downloads, encoders, integrity, licences, listing, models, store, suggestion
from backend.models.catalogue import Entry
from backend.models.downloads import State
from backend.pictures import FILES, read_image
from stylegan2.files import read_preset

STOPPED, DAMAGED = 130, 1  # exit codes


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add models. Each of its commands sets `run`, which takes the arguments and returns the exit code."""
    parser = subparsers.add_parser("models", help="say which models there are, fetch, add, prepare or remove one")
    commands = parser.add_subparsers(required=True, metavar="list|show|download|add|remove|verify|suggest|prepare")
    listed = commands.add_parser("list", help="the models that are here")
    listed.add_argument("--all", action="store_true", dest="everything", help="and those that could be")
    listed.set_defaults(run=_list)
    showing = commands.add_parser("show", help="all that is known of a model")
    showing.add_argument("name", metavar="NAME")
    showing.set_defaults(run=_show)
    downloading = commands.add_parser("download", help="fetch a published model, or go on with that")
    downloading.add_argument("name", metavar="NAME")
    downloading.add_argument("--accept-licence", action="store_true", help="accept its licence without being asked")
    downloading.set_defaults(run=_download)
    adding = commands.add_parser("add", help="take a model file into the store")
    adding.add_argument("file", type=Path, metavar="FILE", help="of any StyleGAN2; it stays as it is")
    adding.add_argument("--name", required=True, metavar="NAME", help="what it is called from now on")
    adding.add_argument("--preset", type=Path, metavar="FILE", help="JSON with constants of the drag for it")
    adding.set_defaults(run=_add)
    removing = commands.add_parser("remove", help="delete a model from the store, or what has come of a download")
    removing.add_argument("name", metavar="NAME")
    removing.set_defaults(run=_remove)
    verifying = commands.add_parser("verify", help="compare the store's files with their checksums")
    verifying.add_argument("name", metavar="NAME", nargs="?", help="default: all")
    verifying.set_defaults(run=_verify)
    suggesting = commands.add_parser("suggest", help="say which of the models that are here fits a picture")
    suggesting.add_argument("image", type=Path, metavar="IMAGE")
    suggesting.set_defaults(run=_suggest)
    _add_preparing(commands)


def _add_preparing(commands: argparse._SubParsersAction[Any]) -> None:
    preparing = commands.add_parser("prepare", help="train a model's encoder, so that pictures are found in seconds")
    preparing.add_argument("name", metavar="NAME|FILE")
    preparing.add_argument(
        "--minutes", type=_minutes, metavar="M", help="stop after so long (default: once it is good)"
    )
    preparing.add_argument("--resume", action="store_true", help="go on with the training of before")
    preparing.set_defaults(run=_prepare)


def _list(arguments: argparse.Namespace) -> int:
    print("\n".join(listing.table(arguments.everything)))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    print("\n".join(listing.details(arguments.name)))
    return 0


def _download(arguments: argparse.Namespace) -> int:
    entry = downloads.check(arguments.name, without_licence=True)
    if not licences.is_accepted(entry):
        _have_accepted(entry, arguments.accept_licence)
    with tqdm(desc=entry.title, unit="B", unit_scale=True, unit_divisor=1000, dynamic_ncols=True) as bar:

        def tell(state: State) -> None:
            if not bar.n:
                bar.initial = bar.n = state.done_bytes
            bar.total = state.total_bytes
            bar.update(state.done_bytes - bar.n)
            if state.phase == "converting":
                bar.set_postfix_str("converting")

        try:
            file = downloads.download(arguments.name, tell)
        except KeyboardInterrupt:
            bar.close()
            print("Stopped. What has come is kept; the same command goes on with it.", file=sys.stderr)
            return STOPPED
    print(f'The model "{entry.name}" is {file}; GIMP offers it from now on.')
    return 0


def _have_accepted(entry: Entry, accepted: bool) -> None:
    """Show the licence and have it accepted, once. Raises UserError when it is not."""
    licence = entry.licence
    terms = " It allows no commercial use." if licence.non_commercial else ""
    text = f"{licence.name} ({licence.link})" if licence.link else licence.name
    print(f"{entry.title}: the licence is {text}.{terms}", file=sys.stderr)
    if not accepted and sys.stdin is not None and sys.stdin.isatty():
        accepted = input("Do you accept it? [y/N] ").strip().lower() in ("y", "yes")
    if not accepted:
        raise UserError(
            f'The licence of the model "{entry.name}" was not accepted, so nothing was fetched; read it, and give '
            "--accept-licence if you do."
        )
    licences.accept(entry)


def _add(arguments: argparse.Namespace) -> int:
    preset = read_preset(arguments.preset) if arguments.preset else None
    target = store.add(arguments.file, arguments.name, preset)
    print(f'The model "{arguments.name}" is {target}; GIMP offers it from now on.')
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    discarded = downloads.discard_part(arguments.name)
    if discarded and arguments.name not in models.stored():
        print(f'What had come of the model "{arguments.name}" has been deleted.')
        return 0
    print(f'The model "{arguments.name}" is no more; {store.remove(arguments.name)} has been deleted.')
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    findings = integrity.verify(arguments.name)
    for finding in findings:
        print(listing.printable(f"{finding.name}: {finding.text}"))
    return DAMAGED if any(finding.is_damaged for finding in findings) else 0


def _suggest(arguments: argparse.Namespace) -> int:
    image = read_image(arguments.image, FILES)
    cache = TensorCache(paths.cache_folder())
    with tqdm(models.available(), desc="Trying models", unit="model", dynamic_ncols=True, leave=False) as bar:
        found = []
        for one in suggestion.suggest(image, device.best(), cache):
            bar.update()
            found.append(one)
    for model, fit, deviations in sorted(found, key=suggestion.order):
        print(listing.printable(f"{fit}  {deviations:5.1f}  {model.name}  {model.title}"))
    print("The number says how far the picture is from what the model makes itself: up to 1 is good, up to 3 fair.")
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
