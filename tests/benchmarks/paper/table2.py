"""Table 2: one sample dragged to another that is near it, by 32 random pixels of the motion between them.

The other is the sample itself with some of a third one in the layers that move. The motion between the two images is
that along the straight line from the one's code to the other's, composed of small ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from backend.editing.optical_flow import trajectory_flow
from tests.benchmarks.paper.bench import SECOND, Bench
from tests.benchmarks.paper.measures import edited, likeness, mean_of
from tests.benchmarks.paper.moves import Asked
from tests.benchmarks.paper.rows import COMPARED, MOVES, NO_EDIT, OURS_IN_W
from tests.benchmarks.paper.store import Record, Task

ROWS = (NO_EDIT, *COMPARED, OURS_IN_W)
SHARE = 0.3  # of the way to the third sample
PIXELS, MAX_STEPS = 32, 100
LAYERS = 6
ON_THE_WAY = 8  # images between which the motion is estimated
POINTS = str(PIXELS)


def measure(bench: Bench, task: Task) -> Record:
    """Drag, and compare with the image that is to be rebuilt."""
    start, end = perturbed(bench, task.seed)
    handles, targets = ways(bench, start, end, task.seed)
    asked = Asked(bench.loaded, start, handles, targets, max_steps=MAX_STEPS)
    _, image, cost = edited(bench, MOVES[task.row], asked)
    moved = np.linalg.norm(targets - handles, axis=1)
    return {**likeness(bench, image, bench.image(end)), **cost, "asked": round(float(moved.mean()), 3)}


def perturbed(bench: Bench, seed: int) -> tuple[Tensor, Tensor]:
    """Return the codes [1, num_ws, w_dim] of the sample and of the one near it."""
    start, other = bench.code(seed), bench.code(seed + SECOND)
    end = start.clone()
    end[:, :LAYERS] += SHARE * (other - start)[:, :LAYERS]
    return start, end


@torch.no_grad()
def ways(bench: Bench, start: Tensor, end: Tensor, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random pixels of the first image and where each is in the second, both [32, 2], inside the image."""
    codes = [start.lerp(end, share) for share in np.linspace(0, 1, ON_THE_WAY).tolist()]
    images = [bench.generator.synthesis(code)[0].clamp(-1, 1).permute(1, 2, 0).contiguous().numpy() for code in codes]
    flow = trajectory_flow(images)
    height, width = flow.shape[:2]
    random = np.random.default_rng(seed)
    x, y = random.integers(0, width, PIXELS), random.integers(0, height, PIXELS)
    targets = np.stack([x, y], axis=1) + 0.5
    return (targets + flow[y, x]).clip(0, [width, height]), targets


def report(records: Sequence[Record], names: Sequence[str]) -> str:
    """Return the table."""
    lines = [f"  a pixel moves by {mean_of(records, 'asked'):.1f} px; colours are 0..1"]
    for name in names:
        some = [record for record in records if record["row"] == name]
        lines.append(
            f"  {name:34} {len(some):4} pairs   MSE x 100 {100 * mean_of(some, 'mse'):6.3f}   feature distance x 10 "
            f"{10 * mean_of(some, 'unlike'):6.3f}   {mean_of(some, 'steps'):5.1f} steps "
            f"{mean_of(some, 'seconds'):6.2f} s"
        )
    return "\n".join(lines)
