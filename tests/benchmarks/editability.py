"""What does the pull towards the mean of W cost, and what does it give?  Likeness against drags that arrive.

A code far from what the mapping network makes can show an image exactly and not be dragged any more. The same rendered
pictures are inverted with one pull after the other, and the same drags done on each.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from backend.editing.editor import Editor
from backend.models import EMBEDDED, open_model
from tests.benchmarks.drags import PRESET, SETTINGS, Bench

PULLS = (0.0, 0.002, 0.01, 0.03, 0.1, 0.3)
WIDTH, HEIGHT, MARGIN = 640, 400, 60
INK, LINE, GRID = (20, 20, 20), (40, 110, 255), (220, 220, 220)


class Trade(NamedTuple):
    """What one pull comes to: mean likeness, the share of drags that arrived, and of the distance that was left."""

    pull: float
    psnr: float
    arrived: float
    left: float


def add_command(commands: Any) -> None:
    """Add the command `editability`."""
    parser = commands.add_parser("editability", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=40, help="drags for each pull (40)")
    parser.add_argument("--seed", type=int, default=4000, help="the first one (4000)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.png", help="draw the curve")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each pull, and draw the curve."""
    torch.set_num_threads(1)
    editor = Editor(open_model(EMBEDDED))
    trades = []
    for pull in PULLS:
        trades.append(trade(editor, pull, arguments.count, arguments.seed))
        print("pull {:.3f}   {:.2f} dB   {:.0%} arrived   {:.0%} left".format(*trades[-1]), flush=True)
    if arguments.output:
        plot(trades).save(arguments.output)


def trade(editor: Editor, pull: float, count: int, seed: int) -> Trade:
    """Invert and drag `count` scenes."""
    bench = Bench(editor, True, dataclasses.replace(editor.loaded.preset.inversion, mean_weight=pull))
    outcomes = [bench.drag(scene, state, SETTINGS[PRESET]) for scene, state in bench.open(count, seed)]
    return Trade(
        pull,
        float(np.mean([outcome.psnr or 0.0 for outcome in outcomes])),
        float(np.mean([outcome.rest.arrived for outcome in outcomes])),
        float(np.mean([outcome.rest.share for outcome in outcomes])),
    )


def plot(trades: Sequence[Trade]) -> Image.Image:
    """Likeness to the right, drags that arrived upwards; each point with its pull."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    likeness = [trade.psnr for trade in trades]
    low, high = np.floor(min(likeness)), np.ceil(max(likeness))

    def place(psnr: float, arrived: float) -> tuple[float, float]:
        x = MARGIN + (psnr - low) / (high - low) * (WIDTH - 2 * MARGIN)
        return x, HEIGHT - MARGIN - arrived * (HEIGHT - 2 * MARGIN)

    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        draw.line([place(low, share), place(high, share)], fill=GRID)
        draw.text((8, place(low, share)[1] - 8), f"{share:.0%}", fill=INK, font=font)
    for psnr in np.arange(low, high + 0.5):
        draw.line([place(psnr, 0), place(psnr, 1)], fill=GRID)
        draw.text((place(psnr, 0)[0] - 16, HEIGHT - MARGIN + 8), f"{psnr:.0f} dB", fill=INK, font=font)
    points = [place(trade.psnr, trade.arrived) for trade in sorted(trades)]
    draw.line(points, fill=LINE, width=2)
    for trade, (x, y) in zip(sorted(trades), points, strict=True):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=LINE)
        draw.text((x + 6, y + 6), f"{trade.pull:g}", fill=INK, font=font)
    draw.text((8, 12), "drags that arrive", fill=INK, font=font)
    draw.text((WIDTH - MARGIN - 110, HEIGHT - 24), "mean likeness", fill=INK, font=font)
    return image
