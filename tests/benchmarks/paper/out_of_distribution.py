"""How far beyond its end can an edit go before the picture breaks, in W+ and in W?

The code goes on along the straight line from the start through the drag's end. A picture is one of the model's kind
as long as its features lie among those of samples (precision: Kynkaanniemi et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tests.benchmarks.distributions import precision_and_recall
from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.measures import edited, features_of, mean_of
from tests.benchmarks.paper.moves import Asked
from tests.benchmarks.paper.rows import MOVES, OURS, OURS_IN_W
from tests.benchmarks.paper.store import Record, Task
from tests.benchmarks.scenes import SHOWS

FACTORS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)  # 1 is the drag's end
ROWS = (OURS, OURS_IN_W)
SAMPLE = "sample"  # the features of the pair's second sample
FEWEST = 10  # pairs from which on sets are compared: the nearest three of each are looked at


def measure(bench: Bench, task: Task) -> Record:
    """Drag, and look at the images along the way and beyond its end."""
    pair = bench.pair(task.seed)
    rows = bench.rows(pair, task.points)
    assert rows is not None
    start = pair.codes[0]
    end, _, cost = edited(bench, MOVES[task.row], Asked(bench.loaded, start, *pair.ways(rows)))
    ways = pair.points[1, rows] - pair.points[0, rows]
    record: Record = {**cost, SAMPLE: features_of(bench, pair.images[1:])["features"]}
    for factor in FACTORS:
        image = bench.image(start + factor * (end - start))
        points, visibility = bench.finder.find(image)
        gone = (points[0, rows] - pair.points[0, rows]).mul(ways).sum(1) / ways.square().sum(1)
        shows = (visibility[0, rows] > SHOWS).float().mean()
        found = {"gone": float(gone.mean()), "shows": float(shows), **features_of(bench, image)}
        record[f"{factor:g}"] = found
    return record


def report(records: Sequence[Record], names: Sequence[str]) -> str:
    """Return the table: a line for each factor."""
    lines = []
    for points in dict.fromkeys(record["points"] for record in records):
        for name in names:
            some = [record for record in records if (record["points"], record["row"]) == (points, name)]
            lines.append(f"{points} points, {name}, {len(some)} pairs")
            lines += [_line(factor, some) for factor in FACTORS]
    return "\n".join(lines)


def _line(factor: float, records: Sequence[Record]) -> str:
    found = [record[f"{factor:g}"] for record in records]
    inside = "-"
    if len(found) >= FEWEST and found[0]["features"]:
        images = torch.tensor([one["features"] for one in found])
        inside = f"{precision_and_recall(images, torch.tensor([record[SAMPLE] for record in records]))[0]:.0%}"
    return (
        f"  {factor:3g} x   landmarks gone {mean_of(found, 'gone'):5.0%} of the way, {mean_of(found, 'shows'):4.0%} "
        f"show   {inside:>4} of the images among the samples"
    )
