"""What a drag on a large layer costs besides inversion and drag: seconds and memory, with a real GIMP 3."""

# pyright: reportMissingImports=false
# (the modules of tests/gimp import each other from their own folder)

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "gimp"))
import gimp_root
import numpy as np
from PIL import Image
from session import Session, newest_log, plugin_process, prepare_home, stop_backend, vendor_folder

from stylegan2.critters.making.examples import EXAMPLES, Example

SETTINGS = {"inversion_steps": 20, "steps": 10}
WIDTH, HEIGHT = 6000, 4000
U16_NON_LINEAR = 250  # of Gimp.Precision
LOOK_EVERY = 0.05  # seconds
PHASES = ("load", "invert", "drag", "compose", "done")
PARTS = (
    ("send", "start", "load"),
    ("read", "load", "invert"),
    ("find", "invert", "drag"),
    ("drag", "drag", "compose"),
    ("compose and receive", "compose", "done"),
    ("insert", "done", "end"),
)
GIGABYTE = 2**20  # in KiB


def add_command(commands: Any) -> None:
    """Add the command `large`."""
    parser = commands.add_parser("large", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Drag on such a layer, and print a line for each run. An earlier one has found the image in the model."""
    gimp = gimp_root.locate()
    print(f"GIMP {gimp.version}, {WIDTH} x {HEIGHT} RGBA, 16 bits", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        backend = prepare_home(gimp, home, vendor_folder())
        threads = {"OMP_NUM_THREADS": str(os.cpu_count())}  # as an artist's, and not one as in the tests
        session = Session(gimp, home, [gimp.console, "-i", "--quit"], threads)
        try:
            for example in EXAMPLES:
                print(example.name, flush=True)
                image = _open(session, home, example)
                _drag(session, image)
                for _ in range(arguments.repeat):
                    with _memory(session, backend) as peaks:
                        started, ended = _drag(session, image)
                    print(_told(newest_log(home), started, ended, peaks), flush=True)
                session.close_image(image)
        finally:
            session.close()
            stop_backend(backend)


def _open(session: Session, home: Path, example: Example) -> int:
    """The example enlarged, with its paths; every pixel has a colour of its own, and a corner is see-through."""
    small = Image.fromarray(example.picture())
    pixels = np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).convert("RGBA")).copy()
    noise = np.random.default_rng(0).integers(-4, 5, (HEIGHT, WIDTH, 3))
    pixels[..., :3] = np.clip(pixels[..., :3] + noise, 0, 255)
    pixels[:100, :100, 3] = 0
    file = home / "large.png"
    Image.fromarray(pixels).save(file, compress_level=1)
    image = session.load(str(file))
    session.call(image, "convert_precision", U16_NON_LINEAR)
    scale = np.array([WIDTH, HEIGHT]) / small.size
    strokes = [*example.drags, *[(point,) for point in example.pins]]
    session.draw_path(image, *[[(np.array(point) * scale).tolist() for point in stroke] for stroke in strokes])
    return image


def _drag(session: Session, image: int) -> tuple[float, float]:
    """Drag, and take the new layer away again; when the drag began and ended."""
    started = time.time()
    answer = session.drag(image, **SETTINGS)
    ended = time.time()
    assert answer["status"] == "success", answer
    session.remove_layer(image, answer["layer"])
    return started, ended


@contextmanager
def _memory(session: Session, backend: Path) -> Iterator[dict[str, float]]:
    """Looks on: the most memory that each process has at once, and all together, GB; "more" is what the run added."""
    peaks: dict[str, float] = {}
    over = threading.Event()
    processes = {"GIMP": session.process.pid, "backend": json.loads((backend / "backend.json").read_text())["pid"]}

    before = sum(map(resident, processes.values()))

    def look_on() -> None:
        plugin = plugin_process(session)
        while not over.wait(LOOK_EVERY):
            now = {name: resident(process) for name, process in {**processes, "plug-in": plugin}.items()}
            for name, size in {**now, "together": sum(now.values())}.items():
                peaks[name] = max(peaks.get(name, 0.0), size)

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()
        peaks["more"] = peaks["together"] - before


def resident(process: int) -> float:
    """GB of memory that a process has now; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) / GIGABYTE for line in lines if line.startswith("VmRSS:"))


def _told(log: str, started: float, ended: float, peaks: Mapping[str, float]) -> str:
    """One line: how long each part took, and what it needed."""
    times = {"start": started, "end": ended}
    for line in log.splitlines():
        for phase in PHASES:
            if line.endswith(f": phase {phase}"):
                times[phase] = datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp()
    parts = [f"{name} {times[end] - times[start]:.2f}" for name, start, end in PARTS]
    rest = ended - started - (times["compose"] - times["drag"])
    memory = ", ".join(f"{name} {size:.2f}" for name, size in peaks.items())
    return f"  {rest:.2f} s without the drag ({', '.join(parts)}); GB: {memory}"
