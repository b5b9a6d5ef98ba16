"""What a drag step costs beside the plain one, in one run: time, operations, memory, and whether both go the same way.

The network is random, of the published size, unless a model is named. Plain is the whole image, with the feature map
enlarged to it (`tests/plain_drag.py`). With a mask its loss is timed as released code has it, on the enlarged map; the
ways are compared with the loss that the fast step has. For ratios that others on the machine disturb least, run it
with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

import stylegan2
from backend.editing.drag_loop import DragLoop, LoopStep
from backend.editing.settings import DragSettings
from backend.models import open_model
from backend.models.device import best
from stylegan2.architecture import generator_architecture
from tests.plain_drag import PlainDragLoop

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 128
FAST, PLAIN = "fast", "plain"
RESOLUTIONS, POINTS = (256, 512, 1024), (1, 5, 20)


def add_command(commands: Any) -> None:
    """Add the command `drag`."""
    parser = commands.add_parser("drag", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resolution", type=int, default=512, choices=RESOLUTIONS, help="of the network (512)")
    parser.add_argument("--model", metavar="NAME|FILE", help="a model, with its preset, instead")
    parser.add_argument("--block", type=int, default=BLOCK, help=f"feature block of the network ({BLOCK})")
    parser.add_argument("--points", type=int, default=1, help="1, 5 or 20 in the issue's figures (1)")
    parser.add_argument("--mask", action="store_true", help="only the middle of the image may move")
    parser.add_argument("--device", help="the best there is without it")
    parser.add_argument("--steps", type=int, default=8, help="of each (8)")
    parser.add_argument("--growth", action="store_true", help="only the fast step, of all resolutions and points")
    parser.add_argument("--peak", choices=(FAST, PLAIN), help=argparse.SUPPRESS)  # a run of its own, for its memory
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for the fast step, one for the plain one, and how they compare; or how the fast one's cost grows."""
    if arguments.growth:
        growth(arguments)
        return
    setting = Setting.of(arguments)
    if arguments.peak:
        timed(stepping(setting.loop(arguments.peak)), setting.device)
        timed(stepping(setting.loop(arguments.peak)), setting.device)
        print(peak_memory(setting.device))
        return
    height, width = setting.generator.image_size
    mask = ", with a mask" if arguments.mask else ""
    print(f"{height} x {width}, block {setting.settings.feature_block}, {arguments.points} points{mask}; ", end="")
    print(f"{setting.device}, {torch.get_num_threads()} threads, {arguments.steps} steps of each, in turn")
    seconds = interleaved(setting, arguments.steps)
    peak = convolution_peak(setting.device)
    for kind in (FAST, PLAIN):
        operations, median = counted(setting.loop(kind)), statistics.median(seconds[kind])
        memory = int(subprocess.run(_alone(kind), cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        print(
            f"  {kind:5} {median * 1000:8.1f} ms a step  {operations / 1e9:7.1f} GFLOP  "
            f"{operations / median / peak:4.0%} of {peak / 1e9:.0f} GFLOP/s  peak memory {memory / 1e9:.2f} GB",
            flush=True,
        )
    print(f"  {statistics.median(seconds[PLAIN]) / statistics.median(seconds[FAST]):.1f} times as fast;", end=" ")
    print(f"the ways differ by at most {difference(setting, arguments.steps):.1e} px")


def growth(arguments: argparse.Namespace) -> None:
    """Print a line for each resolution: what a fast step costs with each number of points."""
    print(f"fast steps{', with a mask' if arguments.mask else ''}; {torch.get_num_threads()} threads")
    for resolution in RESOLUTIONS:
        costs = []
        for points in POINTS:
            one = argparse.Namespace(**{**vars(arguments), "resolution": resolution, "points": points})
            setting = Setting.of(one)
            steps = stepping(setting.loop(FAST))
            seconds = statistics.median([timed(steps, setting.device) for _ in range(arguments.steps + 1)][1:])
            operations = counted(setting.loop(FAST))
            costs.append(f"{points:2} points {seconds * 1000:6.1f} ms {operations / 1e9:6.1f} GFLOP")
        print(f"  {resolution:4}   {'   '.join(costs)}", flush=True)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One drag, to be done by either step."""

    generator: stylegan2.Generator
    settings: DragSettings
    w_plus: torch.Tensor
    handles: np.ndarray
    mask: torch.Tensor | None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Setting:
        """A drag of so many points all over the image."""
        device = torch.device(arguments.device or best())
        generator, settings = _network(arguments.resolution), _paper(arguments.resolution, arguments.block)
        if arguments.model:
            loaded = open_model(arguments.model, device)
            generator, settings = loaded.model.generator, loaded.preset.drag
        generator = generator.to(device)
        height, width = generator.image_size
        z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(0)).to(device)
        labels = torch.zeros(1, generator.c_dim, device=device) if generator.c_dim else None
        handles = np.random.default_rng(0).uniform(0.1, 0.8, (arguments.points, 2)) * (width, height)
        mask = torch.zeros(height, width, device=device)
        mask[height // 4 : -height // 4, width // 4 : -width // 4] = 1
        with torch.no_grad():
            w_plus = generator.mapping(z, labels, truncation_psi=0.7)
        return cls(generator, settings, w_plus, handles, mask if arguments.mask else None)

    @property
    def device(self) -> torch.device:
        return self.w_plus.device

    def loop(self, kind: str, enlarged_mask: bool = True) -> DragLoop:
        """The drag, not yet begun: by a tenth of the image to the right and down."""
        goals = list((self.handles + self.generator.image_size[0] / 10)[:, None])
        settings = dataclasses.replace(self.settings, max_steps=10_000)
        drag = (self.generator, self.w_plus, self.handles, goals, self.mask, settings)
        return DragLoop(*drag) if kind == FAST else PlainDragLoop(*drag, enlarged_mask=enlarged_mask)


def interleaved(setting: Setting, steps: int) -> dict[str, list[float]]:
    """Seconds of each step, the fast and the plain ones in turn; the first of each is left out."""
    loops = {kind: stepping(setting.loop(kind)) for kind in (FAST, PLAIN)}
    seconds: dict[str, list[float]] = {kind: [] for kind in loops}
    for _ in range(steps + 1):
        for kind, loop in loops.items():
            seconds[kind].append(timed(loop, setting.device))
    return {kind: measured[1:] for kind, measured in seconds.items()}


def stepping(loop: DragLoop) -> Iterator[LoopStep]:
    """The steps of a loop, begun."""
    steps = iter(loop)
    next(steps)
    return steps


def timed(steps: Iterator[object], device: torch.device) -> float:
    """Seconds that the next one takes."""
    started = time.perf_counter()
    next(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def counted(loop: DragLoop) -> float:
    """Floating-point operations of a step, as PyTorch counts those of each convolution and product."""
    steps = stepping(loop)
    next(steps)  # the first one also reads the features of the start
    with FlopCounterMode(display=False) as counter:
        next(steps)
    return counter.get_total_flops()


def convolution_peak(device: torch.device) -> float:
    """Operations a second of a 3 x 3 convolution of 512 channels, at its best."""
    x, weight = torch.randn(1, 512, 64, 64, device=device), torch.randn(512, 512, 3, 3, device=device)
    convolutions = (F.conv2d(x, weight, padding=1) for _ in range(12))
    return 2 * weight.numel() * 64 * 64 / min(timed(convolutions, device) for _ in range(12))


def difference(setting: Setting, steps: int) -> float:
    """How far, in pixels, a handle is at most from where the plain steps have taken it."""
    loops = [iter(setting.loop(kind, enlarged_mask=False)) for kind in (FAST, PLAIN)]
    pairs = zip(range(steps + 1), *loops, strict=False)
    return max(float(np.abs(fast.points - plain.points).max()) for _, fast, plain in pairs)


def peak_memory(device: torch.device) -> int:
    """Bytes that this process had at most; -1 where nobody tells."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else -1


def _alone(kind: str) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:], "--peak", kind]


def _network(resolution: int) -> stylegan2.Generator:
    torch.manual_seed(0)
    architecture = generator_architecture(z_dim=512, w_dim=512, img_resolution=resolution)
    return stylegan2.Generator(architecture).eval().requires_grad_(False)


def _paper(resolution: int, block: int) -> DragSettings:
    scale = resolution / 512
    return DragSettings(step_size=2e-3, r1=3.0 * scale, r2=12.0 * scale, feature_block=block)
