"""What is measured of an edited image: where its landmarks are, and how like another image it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.distributions import frechet_distance
from tests.benchmarks.paper.bench import Bench, Pair
from tests.benchmarks.paper.moves import Asked, Move
from tests.benchmarks.paper.store import Record
from tests.benchmarks.scenes import SHOWS


def edited(bench: Bench, move: Move, asked: Asked) -> tuple[Tensor, Tensor, Record]:
    """Return the code and the image after a move, and what they cost; seconds are the processor's, not the clock's."""
    started = time.process_time()
    end = move(asked)
    image = bench.image(end.w_plus)
    return end.w_plus, image, {"steps": end.steps, "seconds": round(time.process_time() - started, 3)}


def landed(bench: Bench, pair: Pair, rows: list[int], image: Tensor, targets: Tensor | None = None) -> Record:
    """Return the mean distance of landmarks to their targets, and how many of them no longer show.

    One that does not show counts as if it had not moved. targets: [N, 2]; those of the pair by default.
    """
    points, visibility = bench.finder.find(image)
    targets = pair.points[1, rows] if targets is None else targets
    asked = (pair.points[1, rows] - pair.points[0, rows]).norm(dim=1)
    left = (points[0, rows] - targets).norm(dim=1)
    shows = visibility[0, rows] > SHOWS
    md = float(torch.where(shows, left, asked).mean())
    return {"md": round(md, 3), "asked": round(float(asked.mean()), 3), "hidden": int((~shows).sum())}


def features_of(bench: Bench, image: Tensor) -> Record:
    """Return the features of an image, for the distance of two sets of them."""
    features = bench.finder.features(image)
    return {"features": None if features is None else [round(value, 4) for value in features[0].tolist()]}


def likeness(bench: Bench, image: Tensor, other: Tensor) -> Record:
    """Return mean squared difference, of colours in 0..1, and feature distance of two images uint8 [1, 3, H, W]."""
    squared = (image.float() - other.float()).square().mean() / 255**2
    return {"mse": float(squared), "unlike": bench.finder.distance(image, other)}


def mean_of(records: Iterable[Record], key: str) -> float:
    """Return the mean of a number over records; nan where it is not known."""
    values = [record[key] for record in records if record.get(key) is not None]
    return float(np.mean(values)) if values else float("nan")


def distance_of(records: Sequence[Record], others: Sequence[Record]) -> str:
    """Return the Frechet distance of the features of two sets of images."""
    sets = [[record["features"] for record in some if record.get("features")] for some in (records, others)]
    if min(map(len, sets)) < 2:
        return "-"
    return f"{frechet_distance(*(torch.tensor(some) for some in sets)):.2f}"
