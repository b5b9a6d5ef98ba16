"""Many short jobs of many clients, who cancel or are killed at random: is any lost or mixed up, does anything pile up?

Each result is compared, byte by byte, with what the same job gave when nothing else ran.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image

from backend.client import Connection, DragRequest, Result, jobs
from backend.errors import Cancelled
from backend.server.uploads import ALONE_SECONDS
from stylegan2.critters.making import factors, renderer
from tests.backend.server.harness import DRAG, Backend, client_process, wait_until

WARM = 0.2  # of the jobs; memory is measured at the end of each of as many after them, and of the last
CANCELLED, KILLED = 0.15, 0.06  # of the jobs
SEEDS = 8
SHORT = {"inversion_steps": 0, "steps": 1}


def add_command(commands: Any) -> None:
    """Add the command `soak`."""
    parser = commands.add_parser("soak", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=500, help="(500)")
    parser.add_argument("--clients", type=int, default=20, help="at the same time (20)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        for line in soak(Path(folder), arguments.jobs, arguments.clients).lines():
            print(line)


@dataclass
class Seen:
    """What came of the jobs."""

    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    memory: list[int] = field(default_factory=list)
    files_left: int = 0
    seconds_cleared: float = 0.0
    kept: int = 0
    processes_left: int = 0

    def lines(self) -> list[str]:
        """In words; of the memory medians, since the allocator gives back and takes some per cent now and then."""
        some = int(len(self.memory) * WARM)
        warm, late = (statistics.median(part) / 1e6 for part in (self.memory[some : 2 * some], self.memory[-some:]))
        done = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return [
            f"{sum(self.ends.values())} jobs in {self.seconds:.0f} s: {done}",
            f"memory {warm:.0f} MB after the warm-up, {late:.0f} MB at the end: {100 * (late / warm - 1):+.1f} %; "
            f"between {min(self.memory[some:]) / 1e6:.0f} and {max(self.memory[some:]) / 1e6:.0f} MB",
            f"{self.files_left} files left {self.seconds_cleared:.0f} s after the last job, {self.processes_left} "
            f"processes left; {self.kept} files of results were kept, and went with the backend",
        ]


def soak(folder: Path, count: int, clients: int) -> Seen:
    """Run `count` jobs of `clients` clients against a backend of their own in `folder`."""
    seen, started = Seen(), time.monotonic()
    backend = Backend(folder / "backend").start()
    assert backend.process
    process = psutil.Process(backend.process.pid)
    try:
        expected = _Expected(backend, folder, clients)
        numbers, lock = iter(range(count)), threading.Lock()

        def client(number: int) -> None:
            one = _Client(backend, folder, number, expected)
            while True:  # until there is no job left
                with lock:
                    job = next(numbers, None)
                if job is None:
                    break
                end = one.job()
                with lock:
                    seen.ends[end] += 1
                    seen.memory.append(process.memory_info().rss)
            one.close()

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(client, range(clients)))
        backend.wait_idle()
        ended = time.monotonic()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not backend.uploads(), "what was sent is gone", ALONE_SECONDS + 40)
        seen.seconds_cleared, seen.files_left = time.monotonic() - ended, len(backend.uploads())
        seen.kept = len(backend.files_of_jobs()) - seen.files_left
        children = process.children(recursive=True)
    finally:
        backend.end()
    seen.processes_left = sum(child.is_running() for child in children) + process.is_running()
    seen.files_left += len(backend.files_of_jobs())
    seen.seconds = time.monotonic() - started
    return seen


class _Expected:
    """What each job gives when nothing else runs; each client has a picture of its own."""

    def __init__(self, backend: Backend, folder: Path, clients: int) -> None:
        self.pictures = [_picture(folder, number) for number in range(clients)]
        connection = backend.connection(_made(folder / "expected"))
        self.drags = [_hash(_drag(connection, picture)) for picture in self.pictures]
        self.samples = [_hash(_sample(connection, seed)) for seed in range(SEEDS)]
        connection.close()


class _Client:
    """One client: does a job after the other, and is killed now and then."""

    def __init__(self, backend: Backend, folder: Path, number: int, expected: _Expected) -> None:
        self._backend, self._expected, self._number = backend, expected, number
        self._random = random.Random(number)
        self._folder = _made(folder / f"client {number}")
        self._connection = backend.connection(self._folder)

    def job(self) -> str:
        """Do a job; return how it ended."""
        chance = self._random.random()
        if chance < KILLED:
            return self._killed()
        ends = time.monotonic() + (self._random.uniform(0, 4) if chance < KILLED + CANCELLED else 1e9)
        seed = self._random.randrange(SEEDS)
        try:
            if self._random.random() < 0.4:
                result = _drag(self._connection, self._expected.pictures[self._number], lambda: time.monotonic() > ends)
                right = self._expected.drags[self._number]
            else:
                result = _sample(self._connection, seed, lambda: time.monotonic() > ends)
                right = self._expected.samples[seed]
        except Cancelled:
            return "cancelled"
        except Exception as error:
            print(f"lost: {error!r}")
            return "LOST"
        return "done" if _hash(result) == right else "MIXED UP"

    def _killed(self) -> str:
        picture = self._expected.pictures[self._number]
        process = client_process(self._backend, picture, {**SHORT, "steps": 200, "step_size": 1e-6})
        time.sleep(self._random.uniform(0, 8))
        process.kill()
        process.communicate()
        return "killed"

    def close(self) -> None:
        self._connection.close()


def _drag(connection: Connection, picture: Path, cancelled: Any = lambda: False) -> Result:
    return jobs.drag(connection, DragRequest(picture, None, DRAG, SHORT), lambda update: None, cancelled)


def _sample(connection: Connection, seed: int, cancelled: Any = lambda: False) -> Result:
    return jobs.sample(connection, {"seeds": [seed]}, lambda update: None, cancelled)


def _hash(result: Result) -> str:
    pixels = np.asarray(Image.open(result.layer))
    return hashlib.sha256(repr((pixels.shape, result.offset)).encode() + pixels.tobytes()).hexdigest()


def _picture(folder: Path, number: int) -> Path:
    pixels = renderer.render(torch.as_tensor(factors.random(number, 1)).float(), 64, 80)[0]
    path = folder / f"animal {number}.png"
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)
    return path


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
