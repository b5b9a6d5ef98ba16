"""Foreign model files, read without running anything they contain."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError
from ..model import Model


def import_model(path: Path) -> Model:
    """Read a model file that is not ours. Raises ModelError."""
    raise ModelError(f"The model file {path} is not a StyleGAN2 checkpoint; choose a .pkl or .safetensors file.")
