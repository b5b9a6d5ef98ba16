"""How soon a live drag shows what is wanted of it, over a real connection: latency, frames and steps a second.

A sample of the model is opened, so that nothing has to be found. A target is moved at rest, again and again; then it
goes round in a circle, as a mouse does, for some seconds. Latency is from before steer() to the client having the first
frame of that revision or a newer one that differs from the frame before.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.client import Connection, Update, jobs
from backend.client.steering import SteeredDrag
from tests.backend.server.harness import Backend
from tests.backend.server.live import Live

AT_REST = 12  # targets moved at rest
MOUSE_EVERY = 1 / 30  # seconds
CENTRE, RADIUS, ROUND_SECONDS = (0.5, 0.55), 0.05, 3.0  # of the image's width; seconds


class Backends(Backend):
    """A backend with as many threads as it would choose."""

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment.items() if name not in ("OMP_NUM_THREADS",)}


def add_command(commands: Any) -> None:
    """Add the command `live`."""
    parser = commands.add_parser("live", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="critters", help="a model that is here (critters)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of pulling (10)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        backend = Backends(Path(folder) / "backend").start()
        try:
            _measure(backend, backend.connection(Path(folder)), arguments, Path(folder))
        finally:
            backend.end()


def _measure(backend: Backend, connection: Connection, arguments: argparse.Namespace, folder: Path) -> None:
    sample = jobs.sample(connection, {"model": arguments.model, "seeds": [5]}, lambda update: None)
    layer, edit = (file.rename(folder / f"sample{file.suffix}") for file in (sample.layer, sample.edit))
    live = Live(connection, layer, {"model": arguments.model, "poor_fit": "drag"}, edit=edit).opened()
    try:
        side = float(live.now.region[2]) if live.now.region else 256.0
        load = "unknown" if sys.platform == "win32" else f"{os.getloadavg()[0]:.1f}"
        print(f"{arguments.model}, {os.cpu_count()} cores, load {load} at the start")
        _print_latencies("target moved at rest", _at_rest(live, side))
        memory = _memory(backend)
        sent, began = _pull(live, side, arguments.seconds), live.updates[-1][0] - arguments.seconds
        _print_latencies("while it is pulled round", [_latency(live, *one) for one in sent])
        frames = [update for moment, update in live.updates if moment > began and update.preview]
        steps = frames[-1].step - frames[0].step
        rates = (count / arguments.seconds for count in (len(frames), steps))
        print("  {:.1f} frames, {:.1f} steps a second;".format(*rates), end=" ")
        print(f"the backend had {memory} MB before, {_memory(backend)} MB after")
    finally:
        live.close()


def _memory(backend: Backend) -> int:
    """Megabytes of the backend's process; -1 where nobody tells."""
    assert backend.process
    status = Path(f"/proc/{backend.process.pid}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) // 1024 if found else -1


def _at_rest(live: Live, side: float) -> list[float]:
    """Latencies of targets that are moved while nothing moves."""
    latencies = []
    for number in range(AT_REST):
        sent = time.monotonic()
        revision = live.wants(_drag(side, number % 2 * math.pi))
        live.at_rest()
        latencies.append(_latency(live, sent, revision))
    return latencies


def _pull(live: Live, side: float, seconds: float) -> list[tuple[float, int]]:
    """Move the target round; when each revision was sent."""
    sent, began = [], time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        sent.append((now, live.wants(_drag(side, 2 * math.pi * (now - began) / ROUND_SECONDS))))
        time.sleep(max(0.0, MOUSE_EVERY - (time.monotonic() - now)))
    last = live.steering.revision
    live.until(lambda update: update.revision == last and update.preview, "the last one is shown")
    return sent


def _drag(side: float, angle: float) -> SteeredDrag:
    x, y = side * CENTRE[0], side * CENTRE[1]
    return SteeredDrag(1, (x, y), (x + RADIUS * side * math.cos(angle), y + RADIUS * side * math.sin(angle)))


def _latency(live: Live, sent: float, revision: int) -> float:
    """Seconds to the first frame of that revision that differs from the frame before."""
    before: Update | None = None
    for moment, update in live.updates:
        if update.preview is None:
            continue
        if moment > sent and update.revision >= revision and before and update.preview != before.preview:
            return moment - sent
        before = update
    return math.inf


def _print_latencies(what: str, seconds: list[float]) -> None:
    median, worst = statistics.median(seconds), max(seconds)
    print(f"  {what}: {median * 1000:.0f} ms to the frame that shows it, {worst * 1000:.0f} at worst ({len(seconds)})")
