"""What the parts of a drag take on this computer, on one picture of the embedded model's own."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch

from backend.editing.editor import Editor
from backend.editing.points import Drag
from backend.models import device, models

SEED, STEPS, LINES = 5, 20, 12
Made = TypeVar("Made")


def profile() -> Iterator[str]:
    """Yield lines: what loading, a sample, drag steps and putting the layer together take, and where the time goes."""
    on = device.best()
    editor, seconds = _timed(lambda: Editor(models.open_model(models.EMBEDDED, on), on))
    yield f"profile: {on}, {torch.get_num_threads()} threads; opening the model {seconds:.2f} s"
    layer, seconds = _timed(lambda: editor.sample(SEED))
    yield f"profile: a sample {seconds:.2f} s"
    height, width = layer.shape[:2]
    drags = [Drag((width / 2, height / 2), (width * 0.6, height / 2))]
    seen = cProfile.Profile()
    with seen:
        steps, seconds = _timed(lambda: _steps(editor, drags))
    yield f"profile: {1000 * seconds / max(steps, 1):.1f} ms a drag step, of {steps}"
    _, seconds = _timed(editor.result)
    yield f"profile: putting the layer together {seconds:.2f} s"
    for place, (calls, _, own, _, _) in _most(seen):
        yield f"profile: {1000 * own / max(steps, 1):6.1f} ms of a step, {calls} calls: {place}"


def _steps(editor: Editor, drags: list[Drag]) -> int:
    count = 0
    for step in editor.drag(drags):
        count = step.step
        if count == STEPS:
            break
    return count


def _most(seen: cProfile.Profile) -> list[tuple[str, tuple[int, int, float, float, object]]]:
    """The functions in which the most time is spent, without what they call."""
    stats = pstats.Stats(seen).stats  # pyright: ignore[reportAttributeAccessIssue]
    most = sorted(stats.items(), key=lambda entry: -entry[1][2])[:LINES]
    return [(f"{Path(file).name}:{line} {name}", numbers) for (file, line, name), numbers in most]


def _timed(make: Callable[[], Made]) -> tuple[Made, float]:
    started = time.monotonic()
    return make(), time.monotonic() - started
