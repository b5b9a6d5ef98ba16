"""Table 1: landmarks of one sample dragged to those of another, and looked for again in the edited image."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.distributions import frechet_distance
from tests.benchmarks.paper import moves, plain_rules
from tests.benchmarks.paper.bench import Bench, Pair
from tests.benchmarks.paper.moves import End, Move
from tests.benchmarks.paper.store import Record, Task
from tests.benchmarks.paper.trackers import FlowTrackedLoop, SparselyTrackedLoop, UntrackedLoop
from tests.benchmarks.scenes import SHOWS

NO_EDIT, OURS, PAPER, RELEASED = "no edit", "ours", "the paper as written", "the released loop's rules"
MOVES: dict[str, Move] = {
    NO_EDIT: moves.nothing,
    OURS: moves.ours({}),
    "ours, the paper's constants": moves.ours_with_papers_constants,
    PAPER: plain_rules.by(plain_rules.paper_rules),
    RELEASED: plain_rules.by(plain_rules.released_rules),
    "ours in W": moves.in_w,
    "ours, all layers": moves.all_layers,
    "ours, tracked by dense flow (DIS)": moves.ours({}, FlowTrackedLoop),
    "ours, tracked by Lucas-Kanade": moves.ours({}, SparselyTrackedLoop),
    "ours, not tracked": moves.ours({}, UntrackedLoop),
}


def measure(bench: Bench, task: Task) -> Record:
    """Move the landmarks by a row, and look where they are."""
    return measured(bench, task, MOVES[task.row])


def measured(bench: Bench, task: Task, move: Move) -> Record:
    """Move the landmarks of a pair, and look where they are in the image; seconds are those of the processor."""
    pair = bench.pair(task.seed)
    rows = bench.rows(pair, task.points)
    assert rows is not None
    handles, targets = pair.ways(rows)
    started = time.process_time()
    end = move(bench.loaded, pair.codes[0], handles, targets)
    image = bench.image(end.w_plus)
    seconds = time.process_time() - started
    return {**_landed(bench, pair, rows, image), **_cost(end, seconds), "features": _features(bench, image)}


def report(records: Iterable[Record], names: Sequence[str]) -> str:
    """Return the table: a block for each number of points, a line for each row."""
    known = list(records)
    blocks = []
    for points in dict.fromkeys(record["points"] for record in known):
        some = [record for record in known if record["points"] == points]
        start = {record["seed"]: record for record in some if record["row"] == NO_EDIT}
        lines = [_line(name, [one for one in some if one["row"] == name], start) for name in names]
        blocks.append(f"{points} points\n" + "\n".join(line for line in lines if line))
    return "\n\n".join(blocks)


def _landed(bench: Bench, pair: Pair, rows: list[int], image: Tensor) -> Record:
    """Mean distance of the landmarks to their targets; one that no longer shows counts as if it had not moved."""
    points, visibility = bench.finder.find(image)
    asked = (pair.points[1, rows] - pair.points[0, rows]).norm(dim=1)
    left = (points[0, rows] - pair.points[1, rows]).norm(dim=1)
    shows = visibility[0, rows] > SHOWS
    return {
        "md": round(float(torch.where(shows, left, asked).mean()), 3),
        "asked": round(float(asked.mean()), 3),
        "hidden": int((~shows).sum()),
    }


def _cost(end: End, seconds: float) -> Record:
    return {"steps": end.steps, "seconds": round(seconds, 3)}


def _features(bench: Bench, image: Tensor) -> list[float] | None:
    features = bench.finder.features(image)
    return None if features is None else [round(value, 4) for value in features[0].tolist()]


def _line(name: str, records: Sequence[Record], start: dict[int, Record]) -> str:
    """One row, compared with no edit on the same pairs."""
    shared = [record for record in records if record["seed"] in start]
    if not shared:
        return ""
    mean, asked = (np.array([record[key] for record in shared]) for key in ("md", "asked"))
    distance = "      -"
    if len(shared) > 1 and shared[0]["features"]:
        after, before = (
            torch.tensor([record["features"] for record in some])
            for some in (shared, [start[record["seed"]] for record in shared])
        )
        distance = f"{frechet_distance(after, before):7.2f}"
    return (
        f"  {name:36} {len(shared):4} pairs   MD {mean.mean():6.2f} px ({mean.mean() / asked.mean():4.0%}), "
        f"median {np.median(mean):5.2f}   Frechet distance {distance}   "
        f"{np.mean([record['steps'] for record in shared]):5.1f} steps "
        f"{np.mean([record['seconds'] for record in shared]):6.2f} s"
    )
