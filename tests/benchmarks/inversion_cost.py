"""What an inversion costs on a network of the published size: seconds of each part, of all of it, and memory.

The weights are random, which costs what trained ones do. The recipe of version 0.1, 510 steps of Adam on whole images
after 512 drafts, is counted from the same parts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import stylegan2
from backend.editing.initial_candidates import BATCH, DRAFT_SIDE, SAMPLES
from backend.editing.inversion import CANDIDATES, DRAFT_SHARE, ROUND_SHARE
from backend.editing.reconstruction_loss import ReconstructionLoss
from backend.editing.settings import InversionSettings
from stylegan2.architecture import generator_architecture
from stylegan2.encoder import Encoder

STEPS_BEFORE = 510  # of version 0.1, each on a whole image
STATUS = Path("/proc/self/status")


def add_command(commands: Any) -> None:
    """Add the command `inversion-cost`."""
    parser = commands.add_parser("inversion-cost", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resolution", type=int, default=512, choices=(256, 512, 1024), help="of its image (512)")
    parser.add_argument("--repeat", type=int, default=3, help="the median of so many (3)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the parts, then the sums."""
    side = arguments.resolution
    architecture = generator_architecture(z_dim=512, w_dim=512, img_resolution=side)
    torch.manual_seed(0)
    generator = stylegan2.Generator(architecture).eval().requires_grad_(False)
    seconds = {name: _median(part, arguments.repeat) for name, part in parts(generator).items()}
    for name, each in seconds.items():
        print(f"{name:28} {each:8.3f} s")
    steps = InversionSettings().steps
    fine = (1 - DRAFT_SHARE) * steps * seconds["step on a whole image"]  # at most: it ends when nothing improves
    coarse = DRAFT_SHARE * steps * seconds["step on a draft"]
    drafts = SAMPLES / BATCH * seconds[f"{BATCH} drafts"]
    search = drafts + 2 * (CANDIDATES - 1) * round(ROUND_SHARE * steps) * seconds["step on a draft"]
    before = drafts + STEPS_BEFORE * seconds["step on a whole image"]
    print(f"as of version 0.1            {before:8.1f} s")
    for name, total in (
        ("with an encoder", seconds["encoder"] + coarse + fine),
        ("without", search + coarse + fine),
    ):
        print(f"{name:28} {total:8.1f} s, {total / before:.1%} of that")
    print(f"peak memory of the process   {_peak_memory()}")


def parts(generator: stylegan2.Generator) -> dict[str, Callable[[], object]]:
    """What an inversion consists of, on the device of the generator."""
    (height, width), device = generator.image_size, next(generator.parameters()).device
    target = torch.rand(1, 3, height, width, device=device) * 2 - 1
    weight = torch.ones(1, 1, height, width, device=device)
    loss = ReconstructionLoss(stylegan2.Model(generator, None, stylegan2.Metadata("random")), target, weight)
    encoder = Encoder.for_generator(generator).eval().to(device)
    code = encoder.mean[None, None].repeat(1, generator.num_ws, 1)

    def step(synthesis: Callable[[torch.Tensor], torch.Tensor]) -> None:
        w_plus = code.clone().requires_grad_()
        loss.pixel_loss(synthesis(w_plus)).backward()

    several = code.repeat(BATCH, 1, 1)
    return {
        "encoder": lambda: encoder.encode(generator, target, weight),
        f"{BATCH} drafts": torch.no_grad()(lambda: generator.synthesis.draft(several, DRAFT_SIDE)),
        "step on a draft": lambda: step(lambda w_plus: generator.synthesis.draft(w_plus, DRAFT_SIDE)),
        "step on a whole image": lambda: step(lambda w_plus: generator.synthesis(w_plus, noise_mode="const")),
    }


def _median(part: Callable[[], object], repeat: int) -> float:
    times = []
    for _ in range(repeat + 1):  # the first one is for warming up
        started = time.perf_counter()
        part()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def _peak_memory() -> str:
    if not STATUS.exists():  # other systems count it in other ways
        return "unknown"
    kilobytes = next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return f"{kilobytes / 1e6:.2f} GB"
