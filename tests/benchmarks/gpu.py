"""Every check that needs a graphics card, in one run of less than five minutes, as one table.

Random networks of the published size: whether the card computes what the processor does, what a drag step and an
inversion's step cost in each precision, with channels last and with and without a CUDA graph, and the memory that they
take.
Then drags of the embedded model's samples in each precision: whether as many arrive.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import gc
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from backend.editing import drag_features
from backend.editing.drag_loop import DragLoop
from backend.models import EMBEDDED, open_model
from stylegan2.feature_synthesis import FeatureSynthesis
from tests.benchmarks.bare_drags import bare_drag, scenes_of
from tests.benchmarks.detector import load_detector
from tests.benchmarks.drag_step import BLOCK, FAST, PLAIN, POINTS, RESOLUTIONS, Setting
from tests.benchmarks.inversion_cost import parts

EXACT, TF32, HALF = "float32", "TF32", "float16"
STEPS = 10  # of each measurement, and of the ways that are compared
SCENES = 28  # drags of the embedded model in each precision

Row = tuple[str, str]  # what was measured, and what came of it


def add_command(commands: Any) -> None:
    """Add the command `gpu`."""
    parser = commands.add_parser("gpu", help=(__doc__ or "").splitlines()[0])
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the table; end with 2 where there is no graphics card."""
    if not torch.cuda.is_available():
        print("PyTorch finds no CUDA graphics card here, so nothing was measured; run this where there is one.")
        sys.exit(2)
    device, started = torch.device("cuda"), time.monotonic()
    print(f"| {torch.cuda.get_device_name(device)}, PyTorch {torch.__version__} | |\n| --- | --- |")
    for resolution in RESOLUTIONS:
        one = argparse.Namespace(resolution=resolution, block=BLOCK, model=None, points=1, mask=False, device="cpu")
        print_rows(network_rows(Setting.of(one), device))
    print_rows(arrival_rows(device, SCENES))
    print_rows([("all of this", f"{time.monotonic() - started:.0f} s")])


def print_rows(rows: Iterator[Row] | Sequence[Row]) -> None:
    """Print rows of a Markdown table as they come."""
    for what, found in rows:
        print(f"| {what} | {found} |", flush=True)


def network_rows(setting: Setting, device: torch.device) -> Iterator[Row]:
    """All that is measured of one network; `setting` is a drag of it on the processor."""
    height, width = setting.generator.image_size
    name, card = f"{height} x {width}: ", on_device(setting, device)
    yield name + "as on the processor", parity(setting, card)
    for points in POINTS:
        one = dataclasses.replace(card, handles=_handles(points, card))
        yield f"{name}drag step, {points} points", costs(one)
    mask = torch.zeros(height, width, device=device)
    mask[height // 4 : -height // 4, width // 4 : -width // 4] = 1
    yield name + "drag step, 1 point, with a mask", costs(dataclasses.replace(card, mask=mask))
    for precision in (TF32, HALF):
        yield f"{name}drag step, 1 point, {precision}", other_precision(card, precision)
    yield name + "drag step, 1 point, layouts", layouts(card)
    yield name + "drag begun, 1 point", beginning(card)
    with precise(EXACT, device):
        for part, function in parts(card.generator).items():
            yield f"{name}inversion, {part}", milliseconds(function, device)


def parity(setting: Setting, card: Setting) -> str:
    """How far image and way on the card are from those on the processor."""
    with precise(EXACT, card.device), torch.no_grad():
        images = [one.generator.synthesis(one.w_plus).cpu() for one in (setting, card)]
    with precise(EXACT, card.device):
        ways = [way(one.loop(FAST)) for one in (setting, card)]
    return (
        f"image off by {float((images[0] - images[1]).abs().max()):.1e}, points by "
        f"{float(np.abs(ways[0] - ways[1]).max()):.1e} px in {STEPS} steps"
    )


def costs(setting: Setting) -> str:
    """Milliseconds and memory of the fast step, with and without a graph, and of the plain one."""
    with precise(EXACT, setting.device):
        plain = milliseconds(setting.loop(PLAIN).move, setting.device)
        return f"{FAST} {fast_step(setting)}, without a graph {fast_step(setting, graph=False)}, {PLAIN} {plain}"


def other_precision(setting: Setting, precision: str) -> str:
    """What a step costs in it, and how far from those of float32 its points get."""
    with precise(EXACT, setting.device):
        exact = way(setting.loop(FAST))
    with precise(precision, setting.device):
        cost = milliseconds(setting.loop(FAST).move, setting.device)
        off = float(np.abs(way(setting.loop(FAST)) - exact).max())
    return f"{cost}, points off by {off:.1e} px in {STEPS} steps"


def layouts(setting: Setting) -> str:
    """Milliseconds as it is, with channels last, and each of them without a graph."""
    found = []
    for precision in (EXACT, TF32):
        for layout in (torch.contiguous_format, torch.channels_last):
            with precise(precision, setting.device):
                graph, eager = (fast_step(setting, graph, layout) for graph in (True, False))
            last = ", channels last" if layout == torch.channels_last else ""
            found.append(f"{precision}{last} {graph}, without a graph {eager}")
    return "; ".join(found)


def fast_step(setting: Setting, graph: bool = True, layout: torch.memory_format = torch.contiguous_format) -> str:
    """Milliseconds of it, its weights in a layout; where windows are computed there is neither graph nor layout."""
    with_cuda_graphs = drag_features.with_cuda_graphs

    def prepared(synthesis: FeatureSynthesis, ws: torch.Tensor) -> drag_features.Maps:
        for layer in (layer for block in synthesis.blocks for layer in (block.conv0, block.conv1) if layer):
            layer.weight = layer.weight.contiguous(memory_format=layout)
        return with_cuda_graphs(synthesis, ws) if graph else synthesis.maps

    with patch.object(drag_features, "with_cuda_graphs", prepared):
        loop = setting.loop(FAST)
    return milliseconds(loop.move, setting.device)


def beginning(setting: Setting) -> str:
    """Milliseconds until the first step, in which the graphs are recorded; how often a later one waits for the card."""
    started = time.perf_counter()
    loop = setting.loop(FAST)
    _wait(setting.device)
    took = time.perf_counter() - started
    loop.move()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        if setting.device.type == "cuda":
            torch.cuda.set_sync_debug_mode("warn")
        loop.move()
        if setting.device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    return f"{took * 1000:.0f} ms; a step waits {sum('synchronizing' in str(one.message) for one in seen)} times"


def arrival_rows(device: torch.device, count: int) -> Iterator[Row]:
    """How many drags of the embedded model's samples arrive, as the landmark detector sees it, in each precision."""
    loaded = open_model(EMBEDDED)
    detector = load_detector()
    scenes = scenes_of(loaded, detector, count, first_seed=3000)
    generator = copy.deepcopy(loaded.model.generator).to(device)
    for precision in (EXACT, TF32, HALF):
        started = time.monotonic()
        with precise(precision, device):
            outcomes = [bare_drag(generator, loaded.preset.drag, detector, scene) for scene in scenes]
        arrived, steps = sum(one.rest.arrived for one in outcomes), sum(one.steps for one in outcomes)
        left = float(np.mean([one.rest.share for one in outcomes]))
        rate = steps / (time.monotonic() - started)
        yield (
            f"{EMBEDDED}, {precision}",
            f"{arrived} of {count} drags arrived, {left:.0%} of the way left, {rate:.0f} steps a second",
        )


def on_device(setting: Setting, device: torch.device) -> Setting:
    """The same drag there."""
    generator = copy.deepcopy(setting.generator).to(device)
    return dataclasses.replace(setting, generator=generator, w_plus=setting.w_plus.to(device))


def way(loop: DragLoop) -> np.ndarray:
    """Where its handles are after each of some steps: [STEPS, N, 2]."""
    places = []
    for _ in range(STEPS):
        loop.move()
        places.append(loop.points.cpu().numpy())
    return np.array(places)


def milliseconds(function: Callable[[], object], device: torch.device) -> str:
    """The mean of some calls, and on a card the memory at most that torch holds of it."""
    for _ in range(3):
        function()
    _wait(device)
    if device.type == "cuda":
        gc.collect()  # graphs of what was measured before
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    for _ in range(STEPS):
        function()
    _wait(device)
    each = (time.perf_counter() - started) / STEPS * 1000
    memory = f" ({torch.cuda.max_memory_reserved(device) / 1e9:.2f} GB)" if device.type == "cuda" else ""
    return f"{each:.2f} ms{memory}"


@contextlib.contextmanager
def precise(precision: str, device: torch.device) -> Iterator[None]:
    """Compute in a precision: products in TF32, or the features of the steps in float16 where autocast has it."""
    convolutions: Any = torch.backends.cudnn.conv  # pyright: ignore[reportAttributeAccessIssue]
    settings = convolutions, torch.backends.cuda.matmul
    before = [setting.fp32_precision for setting in settings]
    computing = FeatureSynthesis.features, FeatureSynthesis.maps, FeatureSynthesis.texels
    for setting in settings:
        setting.fp32_precision = "ieee" if precision == EXACT else "tf32"
    if precision == HALF:
        halves = (_in_half(function, device) for function in computing)
        FeatureSynthesis.features, FeatureSynthesis.maps, FeatureSynthesis.texels = halves
    try:
        yield
    finally:
        FeatureSynthesis.features, FeatureSynthesis.maps, FeatureSynthesis.texels = computing
        for setting, value in zip(settings, before, strict=True):
            setting.fp32_precision = value


def _in_half(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    half = torch.bfloat16 if device.type == "cpu" else torch.float16

    def computed(*arguments: Any) -> Any:
        with torch.autocast(device.type, dtype=half):
            found = function(*arguments)
        return tuple(one.float() for one in found) if isinstance(found, tuple) else found.float()

    return computed


def _handles(points: int, setting: Setting) -> np.ndarray:
    height, width = setting.generator.image_size
    return np.random.default_rng(0).uniform(0.1, 0.8, (points, 2)) * (width, height)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
