"""Kill -9 of the plug-in or of the backend while a model loads, an inversion runs, a drag runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from session import KILL, Session, left_behind, plugin_process, wait_for

from stylegan2.critters import WEIGHTS
from stylegan2.critters.making.examples import Example

MOMENTS = ("load", "invert", "drag")
LONG: dict[str, dict[str, int]] = {
    "load": {"inversion_steps": 5000},
    "invert": {"inversion_steps": 5000},
    "drag": {"inversion_steps": 2, "steps": 2000},
}
QUICK = {"inversion_steps": 2, "steps": 2}
STEP_SECONDS = 15.0  # far more than a step takes, on a busy machine too; far less than the rest of the job


@pytest.fixture(params=MOMENTS)
def moment(request: pytest.FixtureRequest, console: Session, image: int, head: Example, home: Path) -> dict[str, Any]:
    """A job is at this moment of its work. Its model is a file that was not loaded before: loading takes time."""
    name: str = request.param
    (handle, target), *_ = head.drags
    console.draw_path(image, [handle, (target[0] + 150, target[1])])
    assert console.drag(image, **QUICK)["status"] == "success"  # the backend runs, and its log is no longer empty
    model = home / f"a model for {request.node.name}.safetensors"
    shutil.copyfile(WEIGHTS, model)
    console.call(image, "clean_all")
    state = console.state(image)
    console.send("drag", image, model=str(model), **LONG[name])
    process = plugin_process(console)
    log = wait_for(lambda: next((home / "backend" / "logs").glob(f"plugin-*-{process}.log"), None), "the log")
    wait_for(lambda: f"draggan.client: phase {name}\n" in log.read_text(), f"the phase {name}")
    return {"name": name, "image": image, "state": state, "process": process, "log": log}


def last_phase(moment: dict[str, Any]) -> str:
    return moment["log"].read_text().rpartition("draggan.client: phase ")[2].splitlines()[0]


def kill(process: int) -> float:
    os.kill(process, signal.Signals[KILL])
    return time.monotonic()


def works(console: Session, image: int) -> None:
    """The next run works, and leaves nothing behind of itself or of the one before."""
    console.call(image, "clean_all")
    assert console.drag(image, **QUICK)["status"] == "success"
    assert left_behind(console.home) == []


def test_when_the_plug_in_is_killed_its_job_ends_within_a_step(console: Session, home: Path, moment: dict[str, Any]):
    backend_log = home / "backend" / "logs" / "backend.log"
    ended = backend_log.read_text().count(" ends after ")
    killed = kill(moment["process"])
    assert console.receive()["status"] == "error"
    assert last_phase(moment) == moment["name"]
    wait_for(lambda: backend_log.read_text().count(" ends after ") > ended, "the end of the job", STEP_SECONDS)
    print(f"{moment['name']}: the job ended {time.monotonic() - killed:.2f} s after the plug-in")
    assert console.state(moment["image"]) == moment["state"]
    works(console, moment["image"])


def test_when_the_backend_is_killed_the_artist_is_told_and_the_next_run_works(
    console: Session, home: Path, moment: dict[str, Any]
):
    killed = kill(json.loads((home / "backend" / "backend.json").read_text())["pid"])
    answer = console.receive()
    assert time.monotonic() - killed < STEP_SECONDS
    assert last_phase(moment) == moment["name"]
    assert answer["status"] == "error"
    assert "The backend ended in the middle of the work and the image was left as it was" in answer["message"]
    assert console.state(moment["image"]) == moment["state"]
    works(console, moment["image"])
