"""What an exact likeness is worth: how near rendered images come with it, and whether drags on them still arrive."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from backend.editing.editor import Editor
from backend.editing.settings import EDITABLE, EXACT
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making import factors
from stylegan2.critters.making.pairs import HELD_OUT, latents
from stylegan2.critters.making.renderer import render
from tests.benchmarks.drags import PRESET, SETTINGS, Bench, line, opaque, summary, whole


def add_command(commands: Any) -> None:
    """Add the command `exact`."""
    parser = commands.add_parser("exact", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=EMBEDDED, metavar="FILE", help="the model (the embedded one)")
    parser.add_argument("--count", type=int, default=12, help="pictures: the first of the held-out ones (12)")
    parser.add_argument("--drags", type=int, default=14, help="drags of other rendered pictures (14)")
    parser.add_argument("--seed", type=int, default=2000, help="the first one of these (2000)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (2)")
    parser.set_defaults(run=exact)


def exact(arguments: argparse.Namespace) -> None:
    """Print a line for each picture and each drag, and what they come to."""
    torch.set_num_threads(arguments.threads)
    _pictures(Editor(open_model(arguments.model)), arguments.count)
    if arguments.drags:
        _drags(Bench(Editor(open_model(arguments.model)), inverted=True), arguments.drags, arguments.seed)


def _pictures(editor: Editor, count: int) -> None:
    table = []
    for number, values in enumerate(factors.from_latent(latents(HELD_OUT)[:count]).split(1)):
        image = opaque(render(values, *editor.generator.image_size)[0].permute(1, 2, 0).contiguous().numpy())
        editor.open(image, whole(image))
        started = time.perf_counter()
        first, *_, last = editor.exact_steps()
        table.append((first.psnr(), last.psnr(), time.perf_counter() - started))
        print("  {:3}   found {:.2f} dB   exact {:.2f} dB   {:5.1f} s".format(number, *table[-1]), flush=True)
    before, after, seconds = np.median(table, axis=0)
    print(f"{count} pictures, medians: found {before:.2f} dB, exact {after:.2f} dB in {seconds:.1f} s")


def _drags(bench: Bench, count: int, seed: int) -> None:
    """The same drags on the same pictures, with the model's generator and with the tuned one."""
    outcomes: dict[str, list[Any]] = {EDITABLE: [], EXACT: []}
    for scene, found in bench.open(count, seed):
        bench.editor.open_state(found, opaque(scene.before))
        for _ in bench.editor.exact_steps():
            pass
        for likeness, state in ((EDITABLE, found), (EXACT, bench.editor.result().state)):
            outcomes[likeness].append(bench.drag(scene, state, SETTINGS[PRESET]))
            print(f"  {likeness:8} {line(outcomes[likeness][-1]).lstrip()}", flush=True)
    for likeness, some in outcomes.items():
        print(f"{likeness}\n{summary(some)}")
