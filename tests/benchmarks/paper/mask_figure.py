"""The mask's figure in numbers: how much of the background changes with the mask's term, and without it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.paper import moves
from tests.benchmarks.paper.bench import Bench, Pair
from tests.benchmarks.paper.measures import edited, landed, mean_of
from tests.benchmarks.paper.moves import Asked, Move
from tests.benchmarks.paper.store import Record, Task

WITHOUT = "without a mask"
ROWS: dict[str, Move] = {
    WITHOUT: moves.ours(),
    **{f"mask, lambda {weight}": moves.ours({"mask_weight": float(weight)}) for weight in (5, 20, 80)},
}
AROUND = 0.08  # of the image's height: so far beyond the landmarks the head may move
SEEN = 0.04  # of 0..1: a pixel that changed by more is seen to


def measure(bench: Bench, task: Task) -> Record:
    """Drag the landmarks, and look at what is outside the mask."""
    pair = bench.pair(task.seed)
    rows = bench.rows(pair, task.points)
    assert rows is not None
    mask = mask_of(pair)
    allowed = None if task.row == WITHOUT else mask
    asked = Asked(bench.loaded, pair.codes[0], *pair.ways(rows), mask=allowed)
    _, image, cost = edited(bench, ROWS[task.row], asked)
    change = (image[0].float() - pair.images[0].float()).abs().amax(0)[mask == 0] / 255
    outside = {"change": float(change.mean()), "seen": float((change > SEEN).float().mean())}
    return {**landed(bench, pair, rows, image), **cost, **outside, "outside": float((mask == 0).float().mean())}


def mask_of(pair: Pair) -> Tensor:
    """Return where the head is and is to be, float [height, width]: around the hull of the landmarks that show."""
    height, width = pair.images.shape[2:]
    points = np.concatenate([pair.points[turn][pair.shown[turn]].numpy() for turn in (0, 1)]).astype(np.int32)
    mask = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), cv2.convexHull(points), 1)
    side = 2 * round(AROUND * height) + 1
    return torch.from_numpy(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))).float()


def report(records: Sequence[Record], names: Sequence[str]) -> str:
    """Return the table."""
    lines = [f"  {mean_of(records, 'outside'):.0%} of the image are outside the mask"]
    for points in dict.fromkeys(record["points"] for record in records):
        lines.append(f"{points} points")
        for name in names:
            some = [record for record in records if (record["points"], record["row"]) == (points, name)]
            lines.append(
                f"  {name:20} {len(some):4} pairs   MD {mean_of(some, 'md') / mean_of(some, 'asked'):4.0%}   outside: "
                f"mean change {100 * mean_of(some, 'change'):5.2f} %, of {mean_of(some, 'seen'):4.0%} of the pixels "
                f"to be seen   {mean_of(some, 'steps'):5.1f} steps {mean_of(some, 'seconds'):6.2f} s"
            )
    return "\n".join(lines)
