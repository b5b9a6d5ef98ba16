"""Is the artist told of a wrong model?  The fit of held-out renders, and of pictures the embedded model does not know.

The limits come from the model's own samples alone (backend/editing/fit.py); no picture here had a part in them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from backend.editing.editor import Editor
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making import factors
from stylegan2.critters.making.pairs import HELD_OUT, latents
from stylegan2.critters.making.renderer import render
from tests.benchmarks.drags import opaque, whole
from tests.benchmarks.foreign_pictures import Picture, foreign_pictures


def add_command(commands: Any) -> None:
    """Add the command `fit`."""
    parser = commands.add_parser("fit", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=32, help="pictures of each of the two kinds (32)")
    parser.add_argument("--found", action="store_true", help="judge also what the inversion finds (an hour)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each picture, and the counts."""
    torch.set_num_threads(1)
    editor = Editor(open_model(EMBEDDED))
    kinds = {"own": list(own_pictures(arguments.count)), "foreign": foreign_pictures(arguments.count)}
    for kind, pictures in kinds.items():
        counts: dict[str, Counter[str]] = {}
        for name, image in pictures:
            judged = list(judgements(editor, image, arguments.found))
            for stage, fit, _ in judged:
                counts.setdefault(stage, Counter())[fit] += 1
            said = "   ".join(f"{stage}: {fit} ({seconds:.1f} s)" for stage, fit, seconds in judged)
            print(f"  {kind:8} {name:40} {said}", flush=True)
        for stage, count in counts.items():
            print(f"{kind}, {stage}: " + ", ".join(f"{count[fit]} {fit}" for fit in ("good", "fair", "poor")))


def own_pictures(count: int) -> Iterator[Picture]:
    """Yield renders of the model's own kind that no training saw."""
    for number, values in enumerate(factors.from_latent(latents(HELD_OUT)[:count]).split(1)):
        yield f"held-out render {number}", render(values, 256)[0].permute(1, 2, 0).contiguous().numpy()


def judgements(editor: Editor, picture: np.ndarray, found: bool) -> Iterator[tuple[str, str, float]]:
    """Yield stage, fit and seconds: the encoder's guess, and with `found` what the inversion ends with."""
    image = opaque(picture)
    started = time.perf_counter()
    guess = editor.guess(image, whole(image))
    if guess is not None:
        yield "guess", guess.fit, time.perf_counter() - started
    if found:
        started = time.perf_counter()
        editor.open(image, whole(image))
        assert editor.fit is not None
        yield "found", editor.fit, time.perf_counter() - started
