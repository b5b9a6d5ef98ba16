"""What torch's threads cost beside a busy program, in one run: waiting awake, as OpenMP has it, or asleep, as ours do.

For each a process of its own, since OpenMP reads the way of waiting when it is loaded. In it one thread and all of them
take turns; then the same beside one program that never rests, on a machine that is quiet otherwise.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks.drag_step import BLOCK, FAST, Setting

ROOT = Path(__file__).resolve().parents[2]
WAITS = {"asleep": "PASSIVE", "awake": "ACTIVE"}
STEPS = 3  # in each turn


def add_command(commands: Any) -> None:
    """Add the command `threads`."""
    parser = commands.add_parser("threads", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resolution", type=int, default=512, choices=(256, 512, 1024), help="of the network (512)")
    parser.add_argument("--model", metavar="NAME|FILE", help="a model, with its preset, instead")
    parser.add_argument("--turns", type=int, default=4, help=f"of {STEPS} steps each (4)")
    parser.add_argument("--waiting", choices=list(WAITS), help=argparse.SUPPRESS)  # a process of its own
    parser.set_defaults(run=run, points=1, block=BLOCK, mask=False, device="cpu")


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each way of waiting, with and without a busy program."""
    if arguments.waiting:
        setting = Setting.of(arguments)
        for beside in (False, True):
            print(_line(setting, arguments.turns, arguments.waiting, beside), flush=True)
        return
    for waiting, policy in WAITS.items():
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        command = [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:], "--waiting", waiting]
        subprocess.run(command, cwd=ROOT, check=True, env={**environment, "OMP_WAIT_POLICY": policy})


def _line(setting: Setting, turns: int, waiting: str, beside: bool) -> str:
    most = torch.get_num_threads()
    with _busy_program(beside):
        seconds = {threads: statistics.median(times) for threads, times in _in_turn(setting, turns, most).items()}
    where = "beside a busy program" if beside else "alone"
    one, all_of_them = seconds[1] * 1000, seconds[most] * 1000
    return (
        f"threads that wait {waiting:6}, {where:21}   1 thread {one:6.1f} ms a step   {most} threads "
        f"{all_of_them:6.1f} ms   {one / all_of_them:5.2f} times as fast"
    )


def _in_turn(setting: Setting, turns: int, most: int) -> dict[int, list[float]]:
    """Seconds of a step with one thread and with all."""
    loop = setting.loop(FAST)
    seconds: dict[int, list[float]] = {1: [], most: []}
    for _ in range(turns + 1):
        for threads, times in seconds.items():
            torch.set_num_threads(threads)
            began = time.perf_counter()
            for _ in range(STEPS):
                loop.move()
            times.append((time.perf_counter() - began) / STEPS)
    torch.set_num_threads(most)
    return {threads: times[1:] for threads, times in seconds.items()}


@contextmanager
def _busy_program(there: bool) -> Iterator[None]:
    if not there:
        yield
        return
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()
