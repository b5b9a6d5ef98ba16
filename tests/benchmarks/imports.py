"""What a model file of full size costs: to look into, to convert, and to open afterwards, in seconds and memory."""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tests.stylegan2.foreign_files import as_rosinality, as_tensorflow, checkpoint
from tests.stylegan2.plain_networks import Plan, discriminator_tensors, generator_tensors, snapshot
from tests.stylegan2.stand_ins import nvidia_modules

ROOT = Path(__file__).resolve().parents[2]
FULL_SIZE = Plan(
    "skip",
    channels=tuple(min(32768 // side, 512) for side in (4, 8, 16, 32, 64, 128, 256, 512, 1024)),
    **{"z_dim": 512, "w_dim": 512, "hidden": 512, "dense_layers": 8},
)

# Run in a process of its own. Only Linux tells the peak of the process alone, without that of the one that started it.
CHILD = """
import contextlib, io, pathlib, re, sys, time
started = time.perf_counter()
{work}
seconds = time.perf_counter() - started
status = pathlib.Path("/proc/self/status")
peak = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.exists() else None
print(seconds, int(peak[1]) * 1024 if peak else -1)
"""
WORK = {
    "info": "from stylegan2.__main__ import main\nwith contextlib.redirect_stdout(io.StringIO()):\n"
    "    assert main(['info', sys.argv[1]]) == 0",
    "convert": "from stylegan2.__main__ import main\nwith contextlib.redirect_stdout(io.StringIO()):\n"
    "    assert main(['convert', *sys.argv[1:]]) == 0",
    "open": "from stylegan2 import load\nload(sys.argv[2])",
}


class Cost(NamedTuple):
    """What one step took; the process starts with Python alone, so that PyTorch's import counts."""

    file: str
    size: int
    step: str
    seconds: float
    peak: int  # bytes, -1 = not known


def add_command(commands: Any) -> None:
    """Add the command `imports`."""
    commands.add_parser("imports", help=(__doc__ or "").splitlines()[0]).set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Print a line for each file and step; the files are written to a temporary folder and deleted one by one."""
    for cost in measured(FULL_SIZE):
        memory = "unknown" if cost.peak < 0 else f"{cost.peak / 1e9:.2f} GB"
        print(f"{cost.file:16} {cost.size / 1e6:6.0f} MB  {cost.step:8} {cost.seconds:6.1f} s  {memory}", flush=True)


def measured(plan: Plan) -> Iterator[Cost]:
    """Each step of each format's file of a random network, in processes of their own."""
    for name, write in WRITERS.items():
        with tempfile.TemporaryDirectory() as folder:
            path, target = Path(folder) / name, Path(folder) / "converted.safetensors"
            with nvidia_modules():
                path.write_bytes(write(plan))
            for step, work in WORK.items():
                yield Cost(name, path.stat().st_size, step, *_in_a_process(work, path, target))


def _in_a_process(work: str, *arguments: Path) -> tuple[float, int]:
    command = [sys.executable, "-c", CHILD.format(work=work), *map(str, arguments)]
    seconds, peak = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), int(peak)


def _official(plan: Plan) -> bytes:
    judge = replace(plan, variant="resnet")
    content = snapshot(plan, generator_tensors(plan), judge, discriminator_tensors(judge))
    other = snapshot(plan, generator_tensors(plan), judge, {})
    return pickle.dumps({"G": other["G_ema"], "D": content["D"], "G_ema": content["G_ema"]}, 4)


def _tensorflow(plan: Plan) -> bytes:
    judge = replace(plan, variant="resnet")
    return as_tensorflow(plan, generator_tensors(plan), judge, discriminator_tensors(judge))


def _rosinality(plan: Plan) -> bytes:
    judge = replace(plan, variant="resnet")
    return as_rosinality(checkpoint(plan, generator_tensors(plan), discriminator_tensors(judge)))


WRITERS: dict[str, Callable[[Plan], bytes]] = {
    "official.pkl": _official,
    "tensorflow.pkl": _tensorflow,
    "rosinality.pt": _rosinality,
}
