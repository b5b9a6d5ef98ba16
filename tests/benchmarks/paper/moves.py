"""The rows of the tables: ways to move a sample's handles to their targets.

A row is a function from what is asked, that is a model, the start's code, handles and targets, to where it ends. What
takes no steps at all is one more entry of `MOVES` in `rows.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from backend.editing.drag_loop import DragLoop
from backend.editing.preset import LoadedModel
from backend.editing.settings import DragSettings, with_changes
from stylegan2.generator import Generator


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is asked of a row; points are (x, y) in pixels of the model's image.

    Attributes:
        loaded: the model, with its preset.
        w_plus: [1, num_ws, w_dim], the code to start from.
        handles: [N, 2].
        targets: [N, 2].
        mask: float [height, width], 1 = may move; None = everything may.
        max_steps: the end, arrived or not.
    """

    loaded: LoadedModel
    w_plus: Tensor
    handles: np.ndarray
    targets: np.ndarray
    mask: Tensor | None = None
    max_steps: int = 300

    @property
    def generator(self) -> Generator:
        """The model's."""
        return self.loaded.model.generator


class End(NamedTuple):
    """Where an edit ends: the code [1, num_ws, w_dim], and the steps that it took."""

    w_plus: Tensor
    steps: int


Move = Callable[[Asked], End]


def nothing(asked: Asked) -> End:
    """No edit: how far there is to go."""
    return End(asked.w_plus, 0)


def ours(changes: dict[str, Any] | None = None, loop: type[DragLoop] = DragLoop) -> Move:
    """Return our engine with the model's preset, some of it changed."""
    return lambda asked: dragged(asked, with_changes(asked.loaded.preset.drag, changes or {}), loop)


def with_all_layers(asked: Asked) -> End:
    """Our engine where all layers of W+ move."""
    return ours({"layers": asked.generator.num_ws})(asked)


def dragged(asked: Asked, settings: DragSettings, loop: type[DragLoop] = DragLoop) -> End:
    """Drag with our engine until all have arrived, or nothing comes nearer."""
    settings = dataclasses.replace(settings, max_steps=asked.max_steps)
    goals = list(asked.targets[:, None])
    *_, last = loop(asked.generator, asked.w_plus, asked.handles, goals, asked.mask, settings)
    return End(last.w_plus, last.step)
