"""Table 1: landmarks of one sample dragged to those of another, and looked for again in the edited image.

Tables 3 and 4 are the same of our engine, with other feature blocks and other patches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.benchmarks.paper import moves
from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.measures import distance_of, edited, features_of, landed, mean_of
from tests.benchmarks.paper.moves import Asked, Move
from tests.benchmarks.paper.rows import MOVES, NO_EDIT, OURS
from tests.benchmarks.paper.store import Record, Task

BLOCKS = (16, 32, 64, 128)
RADII = (3, 4.5, 6, 9, 12)  # pixels of the model's image, as long as they are at least a texel
BLOCK_ROWS: dict[str, Move] = {
    NO_EDIT: moves.nothing,
    **{f"block {block}": moves.ours({"feature_block": block}) for block in BLOCKS},
}
RADIUS_ROWS: dict[str, Move] = {
    NO_EDIT: moves.nothing,
    **{f"r1 {radius:g} px": moves.ours({"r1": float(radius)}) for radius in RADII},
}
ALL_ROWS = {**MOVES, **BLOCK_ROWS, **RADIUS_ROWS}


def measure(bench: Bench, task: Task) -> Record:
    """Move the landmarks of a pair by a row, and look where they are in the image."""
    return measured(bench, task, ALL_ROWS[task.row])


def measured(bench: Bench, task: Task, move: Move) -> Record:
    """Move the landmarks of a pair, and look where they are in the image."""
    pair = bench.pair(task.seed)
    rows = bench.rows(pair, task.points)
    assert rows is not None
    _, image, cost = edited(bench, move, Asked(bench.loaded, pair.codes[0], *pair.ways(rows)))
    return {**landed(bench, pair, rows, image), **cost, **features_of(bench, image)}


def report(records: Sequence[Record], names: Sequence[str]) -> str:
    """Return the table: a block for each number of points, a line for each row."""
    blocks = []
    for points in dict.fromkeys(record["points"] for record in records):
        some = [record for record in records if record["points"] == points]
        start, ours = ({one["seed"]: one for one in some if one["row"] == row} for row in (NO_EDIT, OURS))
        lines = [_line(name, [one for one in some if one["row"] == name], start, ours) for name in names]
        blocks.append(f"{points} points\n" + "\n".join(line for line in lines if line))
    return "\n\n".join(blocks)


def _line(name: str, records: Sequence[Record], start: dict[int, Record], ours: dict[int, Record]) -> str:
    """One row; `start` and `ours` by their seeds."""
    if not records:
        return ""
    mean, asked = (np.array([record[key] for record in records]) for key in ("md", "asked"))
    before = [start[record["seed"]] for record in records if record["seed"] in start]
    return (
        f"  {name:34} {len(records):4} pairs   MD {mean.mean():6.2f} px ({mean.mean() / asked.mean():4.0%}), "
        f"median {np.median(mean):5.2f}{_behind(records, ours):28}   "
        f"Frechet distance {distance_of(records, before):>6}   "
        f"{mean_of(records, 'steps'):5.1f} steps {mean_of(records, 'seconds'):6.2f} s"
    )


def _behind(records: Sequence[Record], ours: dict[int, Record]) -> str:
    """How many pixels more a row leaves than ours does of the same pairs, with the standard error of that mean."""
    more = [record["md"] - ours[record["seed"]]["md"] for record in records if record["seed"] in ours]
    if len(more) < 2 or not any(more):
        return ""
    return f", behind ours by {np.mean(more):5.2f} ±{np.std(more, ddof=1) / len(more) ** 0.5:.2f}"
