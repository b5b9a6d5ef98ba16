"""The commands drag, sample and invert of `python -m backend`: the engine without the service."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.fit import IN_WORDS, Fit
from backend.editing.layers import composite_over
from backend.editing.points import Drag, check_drags, parse_drag, parse_pin
from backend.editing.region import Region
from backend.editing.settings import EDITABLE, EXACT, Likeness, with_changes
from backend.editing.steps import DragStep, InversionProgress
from backend.files import write_text_whole
from backend.models import device, models
from backend.pictures import FILES, check_output, read_image, read_mask, write

Step = TypeVar("Step", InversionProgress, DragStep)


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add drag, sample and invert. Each sets `run`, which takes the arguments and returns the exit code."""
    drag = subparsers.add_parser("drag", help="move points of a picture to where they should be")
    drag.add_argument("image", type=Path, metavar="IMAGE")
    drag.add_argument(
        "--drag", action="append", default=[], metavar="X,Y:X,Y", dest="drags",
        help="handle and target in pixels of the picture, way-points can stand between them; may be repeated",
    )  # fmt: skip
    drag.add_argument("--pin", action="append", default=[], metavar="X,Y", dest="pins", help="a point that stays")
    drag.add_argument("--mask", type=Path, metavar="PNG", help="what may move is white")
    drag.add_argument("--steps", type=int, metavar="N", help="at most so many drag steps (default: the model's preset)")
    drag.add_argument("--save-edit", type=Path, metavar="FILE", help="keep the edit, to go on from (.safetensors)")
    drag.add_argument("--edit", type=Path, metavar="FILE", help="go on from a kept edit of the same picture")
    drag.add_argument(
        "--require-fit", action="store_true", help="write nothing where the model cannot show the picture"
    )
    drag.add_argument("--report", type=Path, metavar="FILE", help="write what was done as JSON")
    _add_likeness(drag)
    _add_common(drag, _drag)
    sample = subparsers.add_parser("sample", help="make a picture of the model's own")
    sample.add_argument("--seed", type=int, required=True, metavar="N")
    sample.add_argument("--class", type=int, metavar="N", dest="label", help="of a model with classes, from 0 on")
    sample.add_argument("--look", type=int, metavar="N", help="the seed of the picture whose look it gets")
    _add_common(sample, _sample)
    invert = subparsers.add_parser("invert", help="show a picture as the model sees it")
    invert.add_argument("image", type=Path, metavar="IMAGE")
    _add_likeness(invert)
    _add_common(invert, _invert)


def _add_likeness(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--likeness", choices=(EDITABLE, EXACT), default=EDITABLE, help="exact takes longer (default: %(default)s)"
    )


def _add_common(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--model", default=models.EMBEDDED, metavar="NAME|FILE", help="default: %(default)s")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png")
    parser.set_defaults(run=run)


def _drag(arguments: argparse.Namespace) -> int:
    drags = [parse_drag(text) for text in arguments.drags] + [parse_pin(text) for text in arguments.pins]
    check_drags(drags)
    check_output(arguments.output)
    for path, ending in ((arguments.save_edit, ".safetensors"), (arguments.report, ".json")):
        if path is not None:
            check_output(path, ending)
    image = read_image(arguments.image, FILES)
    mask = read_mask(arguments.mask, image.shape[:2], FILES)
    editor = _editor(arguments.model)
    settings = with_changes(editor.loaded.preset.drag, {"max_steps": arguments.steps})
    edit = EditState.load(arguments.edit) if arguments.edit else None
    region = edit.region if edit else editor.find_subject(image, drags)
    editor.check(region, drags, mask, settings, image.shape[:2])
    if edit is not None:
        editor.open_state(edit, image)
        if arguments.likeness == EXACT and edit.likeness != EXACT:
            _follow_opening(editor.exact_steps())
    else:
        if arguments.require_fit:
            guess = editor.guess(image, region)
            editor.loaded.require_fit(guess and guess.fit, "picture")
        _open(editor, image, region, arguments.likeness)
    if arguments.require_fit:
        editor.loaded.require_fit(editor.fit, "picture")
    _warn(editor)
    last = _follow(editor.drag(drags, mask, settings), "Dragging", _still_to_go)
    result = editor.result()
    write(arguments.output, composite_over(image, result.layer, result.mask, result.offset))
    if arguments.save_edit:
        result.state.save(arguments.save_edit)
    if arguments.report:
        write_text_whole(arguments.report, json.dumps(result.report, indent=1))
    print(f"{_outcome(last, drags, editor.fit)} The result is {arguments.output}.")
    return 0


def _sample(arguments: argparse.Namespace) -> int:
    check_output(arguments.output)
    editor = _editor(arguments.model)
    write(arguments.output, editor.sample(arguments.seed, label=arguments.label, look=arguments.look))
    print(f"The picture is {arguments.output}.")
    return 0


def _invert(arguments: argparse.Namespace) -> int:
    check_output(arguments.output)
    image = read_image(arguments.image, FILES)
    editor = _editor(arguments.model)
    last = _open(editor, image, editor.find_subject(image), arguments.likeness)
    write(arguments.output, last.preview())
    _warn(editor)
    shown = f"{IN_WORDS[editor.fit]}, at" if editor.fit else "at"
    print(f"The model shows the picture {shown} {last.psnr():.1f} dB. Its picture is {arguments.output}.")
    return 0


def _editor(name: str) -> Editor:
    on = device.best()
    return Editor(models.open_model(name, on), on)


def _open(editor: Editor, image: np.ndarray, region: Region, likeness: Likeness) -> InversionProgress:
    return _follow_opening(editor.open_steps(image, region, likeness=likeness))


def _follow_opening(steps: Iterable[InversionProgress]) -> InversionProgress:
    return _follow(steps, "Finding the picture in the model", lambda step: f"{step.psnr():.1f} dB")


def _follow(steps: Iterable[Step], title: str, tell: Any) -> Step:
    """Run through `steps` behind a progress bar and return the last one."""
    last: Step | None = None
    with tqdm(desc=title, unit="step", dynamic_ncols=True) as bar:
        for last in steps:
            bar.total = last.steps
            bar.n = last.step
            if last.step % 10 == 0:
                bar.set_postfix_str(tell(last), refresh=False)
            bar.refresh() if last.step == last.steps else bar.update(0)
    assert last is not None
    return last


def _warn(editor: Editor) -> None:
    """Warn of a poor fit."""
    if editor.fit == "poor":
        print(f"Warning: {editor.loaded.misfit('picture')}.", file=sys.stderr)


def _still_to_go(step: DragStep) -> str:
    return f"{step.distances.max():.1f} px to go"


def _outcome(last: DragStep, drags: list[Drag], fit: Fit | None) -> str:
    moved = [bool(arrived) for arrived, drag in zip(last.arrived, drags, strict=True) if not drag.is_pin]
    arrived = f"{sum(moved)} of {len(moved)} points arrived in {last.step} steps"
    if fit == "poor":
        return f"{arrived}, but in a picture that shows yours {IN_WORDS[fit]}: look whether it is what you meant."
    return f"{arrived}. The model shows the picture {IN_WORDS[fit]}." if fit else f"{arrived}."
