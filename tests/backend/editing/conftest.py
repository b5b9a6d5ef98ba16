"""The embedded model, and codes of it, for the engine's tests."""

from __future__ import annotations

import pytest
import torch

from backend.editing.preset import LoadedModel
from backend.models import open_model


@pytest.fixture(scope="session")
def critters() -> LoadedModel:
    """The embedded model."""
    return open_model("critters")


@pytest.fixture(scope="session")
def w_plus(critters: LoadedModel) -> torch.Tensor:
    """The code of one generated animal [1, num_ws, w_dim]."""
    generator = critters.model.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(11))
    return generator.mapping(z, truncation_psi=0.7)
