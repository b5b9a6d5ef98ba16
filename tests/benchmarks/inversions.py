"""How well rendered images that the model never saw are found in W+, with the model's own preset."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from backend.editing.editor import Editor
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making import factors
from stylegan2.critters.making.pairs import HELD_OUT, latents
from stylegan2.critters.making.renderer import render
from tests.benchmarks.drags import opaque, whole


def add_command(commands: Any) -> None:
    """Add the command `inversions`."""
    parser = commands.add_parser("inversions", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=EMBEDDED, metavar="FILE", help="the model (the embedded one)")
    parser.add_argument("--count", type=int, default=32, help="pictures: the first of the held-out ones (32)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each image, and what they come to."""
    torch.set_num_threads(1)  # as the drags: more than one gain little on an image this small
    editor = Editor(open_model(arguments.model))
    found, seconds = [], []
    for number, values in enumerate(factors.from_latent(latents(HELD_OUT)[: arguments.count]).split(1)):
        image = opaque(render(values, *editor.generator.image_size)[0].permute(1, 2, 0).contiguous().numpy())
        started = time.perf_counter()
        *_, last = editor.open_steps(image, whole(image))
        seconds.append(time.perf_counter() - started)
        found.append(last.psnr())
        print(f"  {number:3}   {found[-1]:.2f} dB   {seconds[-1]:5.1f} s   {last.steps} steps", flush=True)
    print(f"{len(found)} pictures: mean {np.mean(found):.2f} dB, lowest {min(found):.2f} dB, {np.mean(seconds):.1f} s")
