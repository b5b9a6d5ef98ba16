"""The embedded model, and codes of it, for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from backend.editing.preset import LoadedModel
from backend.editing.tensor_cache import TensorCache
from backend.models import open_model
from tests.drafts import remembered


@pytest.fixture(scope="session")
def critters() -> LoadedModel:
    """The embedded model."""
    return open_model("critters")


@pytest.fixture(scope="session")
def new_cache(critters: LoadedModel) -> Callable[[], TensorCache]:
    """Makes a cache in memory that holds what costs long of the embedded model, and nothing else."""

    return lambda: remembered(critters)


@pytest.fixture(scope="session")
def w_plus(critters: LoadedModel) -> torch.Tensor:
    """The code of one generated animal [1, num_ws, w_dim]."""
    generator = critters.model.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(11))
    return generator.mapping(z, truncation_psi=0.7)
