"""There and back (FreeDrag's measure): drag, then drag back from where that ended; what then is not as it was?"""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.measures import edited, landed, likeness, mean_of
from tests.benchmarks.paper.moves import Asked
from tests.benchmarks.paper.rows import COMPARED, MOVES, OURS_IN_W
from tests.benchmarks.paper.store import Record, Task

ROWS = (*COMPARED, OURS_IN_W)


def measure(bench: Bench, task: Task) -> Record:
    """Drag the landmarks there and back, and compare with the start."""
    pair, move = bench.pair(task.seed), MOVES[task.row]
    rows = bench.rows(pair, task.points)
    assert rows is not None
    handles, targets = pair.ways(rows)
    code, image, there = edited(bench, move, Asked(bench.loaded, pair.codes[0], handles, targets))
    _, returned, back = edited(bench, move, Asked(bench.loaded, code, targets, handles))
    return {
        "there": landed(bench, pair, rows, image)["md"],
        **landed(bench, pair, rows, returned, pair.points[0, rows]),
        **likeness(bench, returned, pair.images[:1]),
        "steps": there["steps"] + back["steps"],
        "seconds": there["seconds"] + back["seconds"],
    }


def report(records: Sequence[Record], names: Sequence[str]) -> str:
    """Return the table."""
    blocks = []
    for points in dict.fromkeys(record["points"] for record in records):
        some = [record for record in records if record["points"] == points]
        lines = [_line(name, [record for record in some if record["row"] == name]) for name in names]
        blocks.append(f"{points} points\n" + "\n".join(lines))
    return "\n\n".join(blocks)


def _line(name: str, records: Sequence[Record]) -> str:
    asked, there, back = (mean_of(records, key) for key in ("asked", "there", "md"))
    return (
        f"  {name:34} {len(records):4} pairs   MD there {there / asked:4.0%}, back {back / asked:4.0%}   "
        f"MSE x 100 {100 * mean_of(records, 'mse'):6.3f}   feature distance x 10 "
        f"{10 * mean_of(records, 'unlike'):6.3f}   {mean_of(records, 'steps'):5.1f} steps "
        f"{mean_of(records, 'seconds'):6.2f} s"
    )
