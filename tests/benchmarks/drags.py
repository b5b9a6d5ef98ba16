"""Does the subject go where it was dragged?  Rendered animals, dragged with different constants, measured twice.

By the tracker (its rest in model pixels), and without it: the renderer sweeps the one factor that was asked to
change, and the picture nearest to the result tells its value. Each setting is dragged from the same inversions.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from backend.editing.compositing import laid_over
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.points import Drag
from backend.editing.region import choose_region
from backend.errors import UserError
from backend.models import open_model
from stylegan2.critters import factors
from stylegan2.critters.examples import EXAMPLES, Example

SETTINGS: dict[str, dict[str, Any]] = {
    "preset": {},
    "step 0.006": {"step_size": 0.006},
    "step 0.012": {"step_size": 0.012},
    "step 0.03": {"step_size": 0.03},
    "r2 4": {"r2": 4.0},
    "r2 12": {"r2": 12.0},
    "W": {"latent_space": "W"},
    "block 32": {"feature_block": 32, "r1": 6.0},
    "paper's step": {"step_size": 0.002, "r1": 3.0, "r2": 4.0},
}
ASKED = {"yaw": (0.4, 0.62), "ear length": (0.3, 0.7), "mouth open": (0.35, 0.95)}


def add_command(commands: Any) -> None:
    """Add the command `drags`."""
    parser = commands.add_parser("drags", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--animals", type=int, default=4, help="random animals of each kind of drag")
    parser.add_argument(
        "--first-seed", type=int, default=1000, help="the preset was chosen on 1000 to 1003: measure it on others"
    )
    parser.add_argument("--kinds", nargs="*", default=list(ASKED), choices=list(ASKED))
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=list(SETTINGS))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each kind of drag and setting."""
    editor = Editor(open_model("critters"))
    for kind in (example for example in EXAMPLES if example.factor in arguments.kinds):
        opened = list(_inverted(editor, kind, arguments.animals, arguments.first_seed))
        psnr = [state.inversion_psnr or 0.0 for _, _, state in opened]
        print(f"{kind.name}: {len(opened)} animals, inverted at {min(psnr):.1f} .. {max(psnr):.1f} dB", flush=True)
        for name in arguments.settings:
            _drag_all(editor, opened, name)


def _inverted(
    editor: Editor, kind: Example, animals: int, first_seed: int
) -> Iterator[tuple[Example, np.ndarray, EditState]]:
    start, asked = ASKED[kind.factor]
    made = 0
    for seed in itertools.count(first_seed):
        if made == animals:
            return
        values = factors.random(seed, 1, psi=0.7)[0].tolist()
        look = dict(zip(factors.NAMES, values, strict=True))
        example = dataclasses.replace(kind, start=start, asked=asked, look=look)
        rgb = example.picture()
        picture = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
        region = choose_region(picture.shape[:2], editor.generator.image_size)
        try:
            region.check_inside([Drag(*ends) for ends in example.drags])
        except UserError:
            continue  # an ear that is to grow out of the picture
        made += 1
        for _ in editor.open(picture, region):
            pass
        yield example, picture, editor.result().state


def _drag_all(editor: Editor, opened: list[tuple[Example, np.ndarray, EditState]], name: str) -> None:
    settings = dataclasses.replace(editor.loaded.preset.drag, **SETTINGS[name])
    arrived, rest, shares, steps, seconds = 0, [], [], [], 0.0
    for example, picture, state in opened:
        editor.open_state(state, picture)
        drags = [Drag(*ends) for ends in example.drags]
        pins = [Drag.pin(point) for point in example.pins]
        started = time.perf_counter()
        *_, step = editor.drag([*drags, *pins], example.mask(), settings)
        seconds += time.perf_counter() - started
        result = editor.result()
        shown = example.achieved(laid_over(picture, result.layer, result.mask, result.offset)[..., :3]).value
        scale = float(np.mean(result.state.region.scale))
        rest.append(float(step.distances[: len(drags)].max()) / scale)
        arrived += rest[-1] <= 2.0
        shares.append((shown - example.start) / (example.asked - example.start))
        steps.append(step.step)
    done = " ".join(f"{share:5.2f}" for share in shares)
    print(
        f"  {name:17} tracker {arrived}/{len(opened)} (rest {np.mean(rest):4.1f} px)   shown/asked {done}   "
        f"half way {sum(share >= 0.5 for share in shares)}/{len(shares)}   "
        f"{np.mean(steps):4.0f} steps {seconds / len(opened):4.1f} s",
        flush=True,
    )
