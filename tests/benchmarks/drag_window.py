"""What pulling in the drag window is like, in a real GIMP with the real engine: how soon, how often, how much memory.

A rendered animal is found, and its nose is pulled round in a circle with the mouse. The window's frames are counted at
an eye, which goes with the nose; GIMP's where its picture of the image changes most. The screen is wide enough that
neither covers the other.
"""

# pyright: reportMissingImports=false
# (the modules of tests/gimp import each other from their own folder)

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2] / "gimp_plugin" / "drag_gan"))
sys.path.insert(0, str(Path(__file__).parents[1] / "gimp"))
import gimp_root
import numpy as np
import torch
from desktop import WIDTH
from PIL import Image
from session import newest_log, plugin_process, stop_backend, vendor_folder, wait_for
from story import TITLE, Story, told

from core import markers
from stylegan2.critters.making.examples import EXAMPLES, Example
from tests.benchmarks.large_layer import resident

SIZES = ((700, 500), (4000, 3000))
BACKEND = ["-u", "-m", "backend", "serve"]
CHEST, EYE = (330.0, 420.0), (270.0, 240.0)  # of the first example: a pin, and what goes with the nose
PROBE = 20  # pixels around that are looked at
RADIUS, ROUND_SECONDS, MOUSE_EVERY = 30, 3.0, 0.03  # pixels of the screen; seconds
PULL_SECONDS = 10.0
LOOK_EVERY = 0.1  # seconds: to look takes a core some hundredths, which finding would lack
CANVAS = np.s_[120:880, 240:1000]  # of the screen: inside GIMP's window, the image and what is around it
MARKER = 20  # pixels of its colour that a marker has at least
BLOCK = 16  # pixels, of which the one that changes most is looked at
MENU = "alt+r", "Up", "Right"  # keys to the first entry of the plug-in's menu
PHASES = ("load", "invert", "drag")


class Rates(NamedTuple):
    """What was seen of one picture: seconds from the press, and times a second."""

    first_frame: float
    first_in_image: float
    frames: float
    in_image: float


def add_command(commands: Any) -> None:
    """Add the command `window`."""
    parser = commands.add_parser("window", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="of pulling, for the memory (1)")
    parser.add_argument("--find", action="store_true", help="only how long it takes until a new picture moves")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print what was measured."""
    load = "unknown" if sys.platform == "win32" else f"{os.getloadavg()[0]:.1f}"
    print(f"GIMP {gimp_root.locate().version}, {os.cpu_count()} cores, load {load} at the start", flush=True)
    torch.set_num_threads(1)  # the animals are rendered beside GIMP
    with tempfile.TemporaryDirectory() as folder:
        if arguments.find:
            _find(Path(folder))
        else:
            _pull(Path(folder), 60 * arguments.minutes)


def _find(folder: Path) -> None:
    """A picture that nobody has seen before: with no backend, then with one that runs."""
    with _opened(folder / "find", EXAMPLES[0], SIZES[0]) as story:
        story.press("menu", *MENU)
        _print_found("no backend runs", story, *_until_it_moves(story, "Return"))
        _close(story)
        _open(story, EXAMPLES[1], SIZES[0])
        _print_found("a backend runs", story, *_until_it_moves(story, "ctrl+shift+f"))


def _until_it_moves(story: Story, key: str) -> tuple[float, float]:
    """Start the filter with a key; when that was, and when the subject was seen to move in the image."""
    started = time.time()
    story.desktop.press(key)
    _beside(story)
    before = story.desktop.picture()[CANVAS]

    def moved() -> bool:
        time.sleep(LOOK_EVERY)
        return bool((story.desktop.picture()[CANVAS] != before).any())

    wait_for(moved, "the subject in the image")
    return started, time.time()


def _print_found(what: str, story: Story, started: float, ended: float) -> None:
    times = {"start": started, "it moves": ended}
    for line in newest_log(story.session.home).splitlines():
        for phase in PHASES:
            if line.endswith(f": phase {phase}"):
                times.setdefault(phase, datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp())
    order = sorted(times, key=lambda name: times[name])
    parts = [f"{a} to {b} {times[b] - times[a]:.1f}" for a, b in itertools.pairwise(order)]
    print(f"  {what}: {ended - started:.1f} s until it moves ({', '.join(parts)})", flush=True)


def _pull(folder: Path, seconds: float) -> None:
    print("  picture       first frame  in the image  frames/s  in the image/s")
    with _opened(folder / "pull", EXAMPLES[0], SIZES[0]) as story:
        for size in SIZES:
            if size != SIZES[0]:
                _open(story, EXAMPLES[0], size)
            _from_the_menu(story)
            _beside(story)
            wait_for(lambda: "phase drag" in newest_log(story.session.home), "the drag")
            time.sleep(3)  # the path's drag comes to rest
            rates = _rates(story)
            times = f"{rates.first_frame * 1000:8.0f} ms {rates.first_in_image * 1000:10.0f} ms"
            print(f"  {size[0]:5} x {size[1]:<5} {times} {rates.frames:9.1f} {rates.in_image:10.1f}", flush=True)
            if size == SIZES[0]:
                _print_memory(story, seconds)
            _close(story)


def _print_memory(story: Story, seconds: float) -> None:
    processes = {"plug-in": plugin_process(story.session), "backend": _backend(story)}
    before = {name: resident(process) for name, process in processes.items()}
    _hold(story, seconds).join()
    after = {name: resident(process) for name, process in processes.items()}
    told = [f"{name} {1024 * before[name]:.0f} -> {1024 * after[name]:.0f}" for name in processes]
    print(f"  MB before and after {seconds / 60:.1f} minutes of pulling: {', '.join(told)}", flush=True)


def _backend(story: Story) -> int:
    return json.loads((story.session.home / "backend" / "backend.json").read_text())["pid"]


def _rates(story: Story) -> Rates:
    """Press on the target's marker and pull; look on."""
    eye, canvas = _eye(story), _busiest(story)
    seen: dict[str, list[float]] = {"window": [], "image": []}
    last = {name: _part(story, part) for name, part in (("window", eye), ("image", canvas))}
    started, thread = time.monotonic(), _hold(story, PULL_SECONDS)
    while thread.is_alive():
        for name, part in (("window", eye), ("image", canvas)):
            now = _part(story, part)
            if (now != last[name]).any():
                seen[name].append(time.monotonic() - started)
                last[name] = now
        time.sleep(0.005)
    first = [min(seen[name], default=math.inf) for name in ("window", "image")]
    rates = [len([moment for moment in seen[name] if moment < PULL_SECONDS]) / PULL_SECONDS for name in seen]
    return Rates(*first, *rates)


def _hold(story: Story, seconds: float) -> threading.Thread:
    """Pull the nose round with the mouse, in a thread of its own."""
    x, y = _middle(story, markers.TARGET, markers.HANDLE)
    words = ["mousemove", f"{x:.0f}", f"{y:.0f}", "mousedown", "1"]
    for step in range(round(min(seconds, ROUND_SECONDS * 10) / MOUSE_EVERY)):
        angle = 2 * math.pi * step * MOUSE_EVERY / ROUND_SECONDS
        place = x - RADIUS + RADIUS * math.cos(angle), y + RADIUS * math.sin(angle)
        words += ["mousemove", *(f"{number:.0f}" for number in place), "sleep", str(MOUSE_EVERY)]

    def pull() -> None:
        ends = time.monotonic() + seconds - 1
        while True:
            story.desktop.xdotool(*words, "mousemove", f"{x:.0f}", f"{y:.0f}", "mouseup", "1")
            if time.monotonic() > ends:
                return

    thread = threading.Thread(target=pull)
    thread.start()
    return thread


def _eye(story: Story) -> tuple[slice, slice]:
    """Where on the screen the eye is, by the two marks whose places on the layer are known."""
    nose, chest = np.array(_middle(story, markers.TARGET, markers.HANDLE)), np.array(_middle(story, markers.PIN))
    target = np.array(EXAMPLES[0].drags[0][1])
    scale = np.linalg.norm(nose - chest) / np.linalg.norm(target - CHEST)
    x, y = np.round(nose + scale * (np.array(EYE) - target)).astype(int)
    reach = max(2, round(PROBE * scale))
    return slice(y - reach, y + reach), slice(x - reach, x + reach)


def _busiest(story: Story) -> tuple[slice, slice]:
    """The part of GIMP's canvas that changes most when the nose is pulled for a moment."""
    before = story.desktop.picture()[CANVAS].astype(int)
    thread = _hold(story, ROUND_SECONDS / 2)
    time.sleep(ROUND_SECONDS / 4)
    changes = np.abs(story.desktop.picture()[CANVAS].astype(int) - before).sum(axis=2)
    thread.join()
    time.sleep(3)
    rows, columns = (length // BLOCK for length in changes.shape)
    blocks = changes[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3))
    row, column = np.unravel_index(blocks.argmax(), blocks.shape)
    top, left = CANVAS[0].start + BLOCK * int(row), CANVAS[1].start + BLOCK * int(column)
    return slice(top, top + BLOCK), slice(left, left + BLOCK)


def _part(story: Story, part: tuple[slice, slice]) -> np.ndarray:
    return story.desktop.picture()[part]


def _middle(story: Story, *colours: tuple[int, int, int]) -> tuple[float, float]:
    """Where a marker is in the drag window: of the first of the colours that is seen. A handle lies over its target."""

    def found() -> tuple[float, float] | None:
        screen = story.desktop.picture()[:, WIDTH:]
        for colour in colours:
            y, x = np.nonzero((screen == colour).all(axis=2))
            if len(x) > MARKER:
                return float(np.median(x)) + WIDTH, float(np.median(y))
        return None

    return wait_for(found, "the marker")


def _from_the_menu(story: Story) -> None:
    story.press("menu", *MENU)
    story.desktop.press("Return")


def _beside(story: Story) -> None:
    """Put the drag window beside GIMP's."""
    story.desktop.wait_for_window(TITLE)
    story.desktop.xdotool("getactivewindow", "windowmove", "--sync", str(WIDTH + 10), "30")
    time.sleep(0.3)


@contextmanager
def _opened(folder: Path, example: Example, size: tuple[int, int]) -> Iterator[Story]:
    """GIMP with an example in its window, and a backend with all cores as an artist has it."""
    folder.mkdir()
    threads = {"OMP_NUM_THREADS": str(os.cpu_count())}
    file = _write(folder, example, size)
    with told(gimp_root.locate(), vendor_folder(), folder, file, BACKEND, width=2 * WIDTH, env=threads) as story:
        wait_for(story.session.images, "the picture in GIMP")
        _show(story, example, size)
        yield story
        stop_backend(story.session.home / "backend")


def _open(story: Story, example: Example, size: tuple[int, int]) -> None:
    file = _write(story.session.home, example, size)
    story.session.display(story.session.load(str(file)))
    _show(story, example, size)


def _close(story: Story) -> None:
    """Cancel, and close the image."""
    story.desktop.press("Escape")
    story.wait_without_window()
    story.session.call(story.image, "clean_all")  # or GIMP would ask
    story.desktop.press("ctrl+w")
    wait_for(lambda: not story.session.images(), "the end of the image")


def _show(story: Story, example: Example, size: tuple[int, int]) -> None:
    """All of the image in GIMP's window, with its first drag and a pin as paths."""
    (story.image,) = story.session.images()
    story.desktop.wait_for_window(f"{size[0]}x{size[1]}")
    story.desktop.press("ctrl+shift+j")
    scale = size[0] / 700
    strokes = [example.drags[0], [CHEST]]
    story.session.draw_path(story.image, *[[[scale * x, scale * y] for x, y in stroke] for stroke in strokes])
    time.sleep(1)


def _write(folder: Path, example: Example, size: tuple[int, int]) -> Path:
    """The example in a size of its own; what is beyond it goes on as it is at the edge."""
    picture = Image.fromarray(example.picture())
    picture = picture.resize((size[0], round(size[0] / picture.width * picture.height)), Image.Resampling.BICUBIC)
    pixels = np.asarray(picture)
    pixels = np.pad(pixels, ((0, max(0, size[1] - len(pixels))), (0, 0), (0, 0)), "edge")[: size[1]]
    file = folder / f"{re.sub('[^a-z]+', ' ', example.name)} {size[0]}.png"
    Image.fromarray(pixels).save(file, compress_level=1)
    return file
