"""The main job on the embedded model, to look at: three rendered animals, dragged through the service.

`python3 install.py demo` runs this as `python -m backend.demo FOLDER`. The first animal is also dragged by
GIMP itself where `--gimp` names its console program.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from backend import __version__
from backend.client import Backend, Connection, DragRequest, Update, jobs
from backend.demo_pictures import arrows_on, strip
from backend.errors import UserError
from backend.server import instance
from stylegan2.critters.making.examples import EXAMPLES, Example

GIMP_SECONDS = 300.0

# Run by GIMP's own Python; the words in capitals are replaced by literals.
GIMP_SCRIPT = """
from gi.repository import Gio, Gimp
try:
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(BEFORE))
    path = Gimp.Path.new(image, 'demo')
    for ends in DRAGS:
        flat = [number for point in ends for number in list(point) * 3]
        path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, flat, False)
    image.insert_path(path, None, 0)
    image.set_selected_paths([path])
    procedure = Gimp.get_pdb().lookup_procedure('draggan-drag-along-paths')
    config = procedure.create_config()
    config.set_property('run-mode', Gimp.RunMode.NONINTERACTIVE)
    config.set_property('image', image)
    config.set_core_object_array('drawables', image.get_layers()[:1])
    values = procedure.run(config)
    if values.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(values.index(1))
    image.flatten()
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(AFTER), None)
except BaseException as error:
    print('FAILED: ' + str(error), flush=True)
"""


class Outcome(NamedTuple):
    """The result of one example: edited picture, edit state, the engine's report, and the job's seconds."""

    after: Image.Image
    edit: Path
    report: dict[str, Any]
    seconds: float


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures, the edit and report.json into a folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m backend.demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--gimp", metavar="PROGRAM", help="GIMP's console program, to drag the first one with")
    parser.add_argument("--profile", type=Path, help="GIMP's folder with the plug-in in it")
    options = parser.parse_args(arguments)
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        show(options.folder, options.gimp, options.profile)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or options.folder} cannot be written ({error.strerror}).", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    finally:
        with contextlib.suppress(UserError, OSError):
            instance.stop()
    return 0


def show(folder: Path, gimp: str | None, profile: Path | None) -> None:
    """Drag all examples, in GIMP too where there is one, and print what is done.

    Args:
        folder: where the pictures, the edit and report.json go.
        gimp: GIMP's console program.
        profile: GIMP's folder with the plug-in in it.

    Raises:
        UserError, OSError: a drag failed, or a file cannot be written.
    """
    instance.stop()  # one of an interrupted demo may be of older code
    before = [Image.fromarray(example.picture()) for example in EXAMPLES]
    marked = [arrows_on(picture, e.drags, e.pins, e.mask()) for picture, e in zip(before, EXAMPLES, strict=True)]
    before[0].save(folder / "before.png")
    marked[0].save(folder / "arrows.png")
    by_gimp = drag_in_gimp(EXAMPLES[0], folder, gimp, profile) if gimp and profile else None
    if by_gimp:
        print("\nOnce more through the service, for the edit and the numbers; it still knows the first picture.")
    outcomes: list[Outcome] = []
    reports: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as work:
        backend = Backend(instance.installation(), Path(work))
        connection = backend.connect(tell=print)
        for example, picture in zip(EXAMPLES, before, strict=True):
            outcome = drag(connection, example, picture, Path(work))
            outcomes.append(outcome)
            reports.append(tell(example, outcome))
            if example is EXAMPLES[0]:
                shutil.copyfile(outcome.edit, folder / "edit.safetensors")
                if not by_gimp:
                    outcome.after.save(folder / "after.png")
        backend.close()
    strip(marked, [outcome.after for outcome in outcomes]).save(folder / "strip.png")
    report = {**reports[0], "version": __version__, "gimp": by_gimp, "other_examples": reports[1:]}
    (folder / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"\nThe pictures are in {folder}: before.png, arrows.png (what was asked), after.png, and strip.png")
    print("with all three. edit.safetensors is the saved edit, report.json has the numbers.")


def drag(connection: Connection, example: Example, picture: Image.Image, work: Path) -> Outcome:
    """Send one job as the plug-in does, and wait for its end. Raises UserError."""
    print(
        f'\n"{example.name}": a picture of {picture.width}x{picture.height}, {len(example.drags)} drag(s)',
        flush=True,
    )
    layer, mask, pixels = work / "before.png", None, example.mask()
    picture.save(layer)
    if pixels is not None:
        mask = work / "mask.png"
        Image.fromarray(pixels).save(mask)
    pins = [(point, point) for point in example.pins]
    drags = [{"handle": handle, "target": target} for handle, target in [*example.drags, *pins]]
    started = time.monotonic()
    result = jobs.drag(connection, DragRequest(layer, mask, drags, {"result": "whole"}), phase_printer(started))
    after = picture.convert("RGB")
    with Image.open(result.layer) as changed:
        after.paste(changed.convert("RGB"), result.offset)
    return Outcome(after, result.edit, dict(result.report), time.monotonic() - started)


def phase_printer(started: float) -> Callable[[Update], None]:
    """Return what prints each new phase of a job, with the seconds since `started`."""
    last = ""

    def show(update: Update) -> None:
        nonlocal last
        if update.phase != last:
            last = update.phase
            print(f"  {time.monotonic() - started:5.1f} s  {PHASES.get(last, update.message)}", flush=True)

    return show


PHASES = {
    "load": "opening the model",
    "invert": "finding the animal in the model",
    "drag": "dragging",
    "compose": "putting the layer together",
    "done": "done",
}


def tell(example: Example, outcome: Outcome) -> dict[str, Any]:
    """Print whether the points arrived, by point tracking and without it; return the report with both."""
    report = outcome.report
    moved = [entry for entry in report["points"] if not entry["pin"]]
    near = max(report["distances_end"]["model_pixels"])
    far = max(report["distances_start"]["model_pixels"])
    shown = example.achieved(np.asarray(outcome.after.convert("RGB"))).value
    share = (shown - example.start) / (example.asked - example.start)
    arrived = sum(entry["arrived"] for entry in moved)
    print(f"  model:    shows the picture at {report['inversion']['psnr']:.1f} dB, fit: {report['fit'] or 'not known'}")
    print(f"  tracker:  {arrived} of {len(moved)} points arrived; {far:.1f} model pixels to go, {near:.1f} left")
    print(f"  renderer: {example.factor} {example.start:.2f} became {shown:.2f}, {share:.0%} of what was asked")
    print(f"  the job took {outcome.seconds:.1f} seconds", flush=True)
    return {
        **report,
        "example": example.name,
        "job_seconds": round(outcome.seconds, 2),
        "renderer": {
            "factor": example.factor, "start": example.start, "asked": example.asked,
            "shown": round(shown, 4), "share_of_the_way": round(share, 3),
        },
    }  # fmt: skip


def drag_in_gimp(example: Example, folder: Path, gimp: str, profile: Path) -> dict[str, Any]:
    """Do an example's drag with the plug-in in GIMP, without a window, into after.png.

    Returns:
        "program" and "seconds", for the report.

    Raises:
        UserError: the drag failed.
    """
    print(f'\n"{example.name}" in GIMP itself ({gimp}), which also starts the backend', flush=True)
    target = folder.absolute() / "after.png"
    target.unlink(missing_ok=True)
    script = script_for_gimp(folder.absolute() / "before.png", target, example)
    batch = ["-i", "--batch-interpreter=python-fu-eval", "-b", script, "--quit"]
    started = time.monotonic()
    done = subprocess.run(
        [gimp, *batch], env={**os.environ, "GIMP3_DIRECTORY": str(profile)}, timeout=GIMP_SECONDS,
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    if not target.is_file():
        said = (done.stderr + done.stdout).decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        reasons = [line.removeprefix("FAILED: ") for line in said if line.startswith("FAILED: ")]
        raise UserError(f"The drag in GIMP failed: {reasons[0] if reasons else said[-1]}")
    seconds = time.monotonic() - started
    print(f"  after.png is GIMP's result, after {seconds:.1f} seconds with the starts of both", flush=True)
    return {"program": gimp, "seconds": round(seconds, 2)}


def script_for_gimp(before: Path, after: Path, example: Example) -> str:
    """Return what GIMP's Python is to do: open one picture, draw the paths, run the filter, write the other one."""
    ends = [*example.drags, *[(point,) for point in example.pins]]
    script = GIMP_SCRIPT
    for word, value in {"BEFORE": str(before), "AFTER": str(after), "DRAGS": ends}.items():
        script = script.replace(word, repr(value))
    return script


if __name__ == "__main__":
    sys.exit(main())
