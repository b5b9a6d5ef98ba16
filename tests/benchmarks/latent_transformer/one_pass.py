"""The baseline as a way to move handles: one pass, no loop."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from backend.editing.preset import LoadedModel
from backend.errors import UserError
from tests.benchmarks.latent_transformer.network import LatentTransformer
from tests.benchmarks.latent_transformer.preparation import find_latent_transformer

_networks: dict[str, LatentTransformer] = {}  # by the models' sha256: to read one takes longer than a drag


def in_one_pass(loaded: LoadedModel, w_plus: Tensor, handles: np.ndarray, targets: np.ndarray) -> Tensor:
    """Return the code [1, num_ws, w_dim] at the end of a drag.

    Args:
        loaded: a model with a latent transformer.
        w_plus: [1, num_ws, w_dim], the code to start from.
        handles: [N, 2], (x, y) in pixels of the model's image.
        targets: [N, 2].

    Raises:
        UserError: the model has none.
    """
    sha256 = loaded.model.sha256
    if sha256 not in _networks:
        found = find_latent_transformer(loaded.model)
        if found is None:
            command = f"python -m tests.benchmarks latent-transformer --model {loaded.name}"
            raise UserError(f"The model {loaded.name} has no latent transformer; train it with `{command}`.")
        _networks[sha256] = found[0].to(w_plus.device)
    handle, target = (torch.as_tensor(points).to(w_plus) for points in (handles, targets))
    return _networks[sha256].edit(loaded.model.generator, w_plus, handle, target)
