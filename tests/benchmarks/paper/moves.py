"""The rows of the tables: ways to move a sample's handles to their targets.

A row is a function from a model, the start's code, handles and targets to an end. Where it comes from does not
matter: a row of another kind, which takes no steps at all, is one more entry of `MOVES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from backend.editing.drag_loop import DragLoop
from backend.editing.preset import LoadedModel, default_drag_settings
from backend.editing.settings import W, DragSettings, with_changes


class End(NamedTuple):
    """Where an edit ends: the code [1, num_ws, w_dim], and the steps that it took."""

    w_plus: Tensor
    steps: int


Move = Callable[[LoadedModel, Tensor, np.ndarray, np.ndarray], End]  # model, start, handles and targets [N, 2]


def ours(changes: dict[str, Any], loop: type[DragLoop] = DragLoop, mask: Tensor | None = None) -> Move:
    """Return our engine with the model's preset, some of it changed."""

    def move(loaded: LoadedModel, w_plus: Tensor, handles: np.ndarray, targets: np.ndarray) -> End:
        settings = with_changes(loaded.preset.drag, changes)
        return _ended(loop(loaded.model.generator, w_plus, handles, list(targets[:, None]), mask, settings))

    return move


def ours_with_papers_constants(loaded: LoadedModel, w_plus: Tensor, handles: np.ndarray, targets: np.ndarray) -> End:
    """Our engine with the paper's constants at the size of the model's image."""
    settings = default_drag_settings(loaded.model.generator)
    return _ended(DragLoop(loaded.model.generator, w_plus, handles, list(targets[:, None]), None, settings))


def nothing(loaded: LoadedModel, w_plus: Tensor, handles: np.ndarray, targets: np.ndarray) -> End:
    """No edit: what is asked."""
    return End(w_plus, 0)


def all_layers(loaded: LoadedModel, w_plus: Tensor, handles: np.ndarray, targets: np.ndarray) -> End:
    """Our engine where all layers of W+ move that the features depend on."""
    return ours({"layers": loaded.model.generator.num_ws})(loaded, w_plus, handles, targets)


def in_w(loaded: LoadedModel, w_plus: Tensor, handles: np.ndarray, targets: np.ndarray) -> End:
    """Our engine in W."""
    return ours({"latent_space": W})(loaded, w_plus, handles, targets)


def settings_of(loaded: LoadedModel, changes: dict[str, Any]) -> DragSettings:
    """Return the preset with changes."""
    return with_changes(loaded.preset.drag, changes)


def _ended(loop: DragLoop) -> End:
    *_, last = loop
    return End(last.w_plus, last.step)
