"""The device a model runs on."""

from __future__ import annotations

import torch


def best() -> torch.device:
    """Return the graphics card where PyTorch can use one (CUDA, then Apple's MPS), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
