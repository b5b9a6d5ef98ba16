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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or this computer, has too little free memory for what was computed."""
    text = str(error)  # CUDA alone has an error of its own for it
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        sign in text for sign in ("out of memory", "can't allocate memory", "not enough memory")
    )


def give_back() -> None:
    """Give the memory back that torch keeps of a graphics card for what may come."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
