"""What a step costs: each part of the work in seconds and as a share of a whole synthesis, from one run."""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from backend.editing.drag_loop import DragLoop
from backend.editing.inversion import invert
from backend.editing.settings import InversionSettings
from backend.models import open_model
from backend.models.device import best


def add_command(commands: Any) -> None:
    """Add the command `speed`."""
    parser = commands.add_parser("speed", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="critters", metavar="NAME|FILE")
    parser.add_argument("--repeat", type=int, default=7)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each part; medians, and ratios to a synthesis of the same run."""
    device = best()
    loaded = open_model(arguments.model, device)
    generator, settings = loaded.model.generator, loaded.preset.drag
    height, width = generator.image_size
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(0)).to(device)
    labels = torch.zeros(1, generator.c_dim, device=device) if generator.c_dim else None
    with torch.no_grad():
        w_plus = generator.mapping(z, labels, truncation_psi=0.7)
        image = generator.synthesis(w_plus).clamp(-1, 1)
    handle = np.array([[width / 2, height / 2]])
    far = [handle + np.array([width / 4, 0])]
    mask = torch.zeros(height, width, device=device)
    mask[: height // 2] = 1
    weight = torch.ones(1, 1, height, width, device=device)
    endless = dataclasses.replace(settings, max_steps=10_000)
    parts: dict[str, Callable[[], object]] = {
        "synthesis": torch.no_grad()(lambda: generator.synthesis(w_plus)),
        f"features({settings.feature_block})": torch.no_grad()(
            lambda: generator.synthesis.features(w_plus, block=settings.feature_block)
        ),
        "drag step": _steps(lambda: iter(DragLoop(generator, w_plus, handle, far, None, endless))),
        "drag step, mask": _steps(lambda: iter(DragLoop(generator, w_plus, handle, far, mask, endless))),
        "inversion step": _steps(lambda: invert(loaded.model, image, weight, InversionSettings(10_000)), skip=70),
    }
    print(
        f"{loaded.name}, {height}x{width}, on {device}, {torch.get_num_threads()} threads, {arguments.repeat} runs each"
    )
    unit = None
    for name, part in parts.items():
        seconds = _median(part, arguments.repeat, device)
        unit = unit or seconds
        print(f"  {name:16} {seconds * 1000:9.1f} ms   {seconds / unit:6.2f} syntheses", flush=True)


def _steps(start: Callable[[], Any], skip: int = 1) -> Callable[[], object]:
    """A function that does the next step of an iterator, its first `skip` steps done."""
    steps = start()
    for _ in range(skip):
        next(steps)
    return lambda: next(steps)


def _median(part: Callable[[], object], repeat: int, device: torch.device) -> float:
    times = []
    for _ in range(repeat + 1):
        started = time.perf_counter()
        part()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])
