"""What the backend uses of this computer: device, memory, cache, models."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil
import torch
from pydantic import BaseModel

from backend import paths


class Resources(BaseModel):
    """Part of the protocol.

    Attributes:
        device: what it computes on, in words; the name of a graphics card.
        cores: of the processor.
        memory: bytes of the process.
        device_memory: bytes of the graphics card that it holds; None on the processor.
        models_folder: where the artist's own models are.
        models_bytes: of all files there.
        cache_bytes: of what is remembered on disk.
    """

    device: str
    cores: int
    memory: int
    device_memory: int | None
    models_folder: str
    models_bytes: int
    cache_bytes: int


def look(device: torch.device, cache: Path | None) -> Resources:
    """Look at this process and its folders.

    Args:
        device: that it computes on.
        cache: the folder of what is remembered; None where that is in memory only.
    """
    return Resources(
        device=_name(device),
        cores=psutil.cpu_count() or 1,
        memory=psutil.Process().memory_info().rss,
        device_memory=_held(device),
        models_folder=str(paths.models_folder()),
        models_bytes=_bytes_in(paths.models_folder()),
        cache_bytes=_bytes_in(cache) if cache else 0,
    )


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"Apple {platform.machine()}" if device.type == "mps" else "processor"


def _held(device: torch.device) -> int | None:
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    return torch.mps.driver_allocated_memory() if device.type == "mps" else None


def _bytes_in(folder: Path) -> int:
    """Return the size of the files in a folder; one that goes meanwhile counts nothing."""
    total = 0
    for file in folder.iterdir() if folder.is_dir() else ():
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total
