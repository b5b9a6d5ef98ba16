"""A backend with faults that a test cannot cause from outside, chosen by `FAULTS`, a list of names; `-m` runs it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import torch

from backend import __main__
from backend.models import device, models

real_open = models.open_model


def small_card() -> None:
    """There is a graphics card, but no model has room on it."""

    def open_model(name: str, on: torch.device) -> Any:
        if on.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return real_open(name, on)

    device.best = lambda: torch.device("cuda")
    models.open_model = open_model  # pyright: ignore[reportAttributeAccessIssue]


def lost_card() -> None:
    """The graphics card stops working in the middle of a job."""

    def open_model(name: str, on: torch.device) -> Any:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    models.open_model = open_model  # pyright: ignore[reportAttributeAccessIssue]


def jumping_clock() -> None:
    """The system's clock jumps a month to and fro with every look at it; the steady one does not."""
    real, looks = time.time, iter(range(1 << 62))
    time.time = lambda: real() + 30 * 24 * 3600 * (next(looks) % 3 - 1)


if __name__ == "__main__":
    for name in os.environ["FAULTS"].split():
        globals()[name]()
    sys.exit(__main__.main())
