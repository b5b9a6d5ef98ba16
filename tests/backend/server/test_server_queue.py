"""One job at a time; a job ends when it is cancelled or its client is gone, and the next one works."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import stylegan2
from backend.client import DragRequest, Update, jobs
from backend.errors import Cancelled
from backend.server.presence import GONE_SECONDS
from stylegan2.architecture import generator_architecture
from tests.backend.server.harness import (
    SHORT,
    WITHOUT_END,
    Backend,
    client_process,
    raw,
    read_until,
    submit,
    until_phase,
    updates,
    wait_until,
)

ENDLESS = {"inversion_steps": WITHOUT_END, "steps": WITHOUT_END}
ENDLESS_DRAG = {**SHORT, "steps": WITHOUT_END, "step_size": 1e-6, "stop_radius": 1e-3}
TOLD_SECONDS = 30.0  # a limit: it takes half a second where nothing else runs
AT_ONCE = 3.0  # seconds: a step of the embedded model takes a small part of one, but the machine may be busy


def finishes(backend: Backend, picture: Path) -> None:
    assert list(updates(submit(backend.client(), picture)))[-1][0]["phase"] == "done"


def test_a_second_job_waits_for_the_first_and_cancel_ends_that_within_a_step(backend: Backend, picture: Path) -> None:
    first_client, second_client = backend.client(), backend.client()
    first = submit(first_client, picture, ENDLESS)
    until_phase(first, "invert")
    second = submit(second_client, picture)
    time.sleep(1)
    assert backend.health()["busy"]
    assert not second.outputs()
    assert not second.done()
    first.cancel()
    assert list(updates(second))[-1][0]["phase"] == "done"
    assert first.done()
    log = backend.log()
    assert log.rindex(f"{first_client.session_hash} ends") < log.rindex(f"{second_client.session_hash} starts")


@pytest.mark.parametrize("waiting", ["drag", "sample"])
@pytest.mark.parametrize("running", ["drag", "thumbnails"])
def test_whoever_waits_behind_any_kind_of_job_is_told_so(
    backend: Backend, picture: Path, tmp_path: Path, running: str, waiting: str
) -> None:
    if running == "drag":
        first = submit(backend.client(), picture, ENDLESS)
    else:
        first = backend.client().submit({"seeds": list(range(64))}, api_name="/thumbnails")
    until_phase(first, {"drag": "invert", "thumbnails": "sample"}[running])
    connection, said, told = backend.connection(tmp_path), [], threading.Event()
    deadline = time.monotonic() + TOLD_SECONDS

    def show(update: Update) -> None:
        said.append((update.phase, update.message))
        told.set()

    def enough() -> bool:
        return told.is_set() or time.monotonic() > deadline

    try:
        request = DragRequest(picture, None, [{"handle": (40, 32), "target": (52, 32)}], SHORT)
        with pytest.raises(Cancelled):
            _ = (
                jobs.drag(connection, request, show, enough)
                if waiting == "drag"
                else jobs.sample(connection, {"seeds": [1]}, show, enough)
            )
        assert not first.done()
    finally:
        first.cancel()
        connection.close()
    assert said == [("wait", "The backend is busy with another job; this one comes next...")]
    backend.wait_idle()


def test_after_a_cancel_nothing_is_at_work(backend: Backend, picture: Path) -> None:
    client = backend.client()
    job = submit(client, picture, ENDLESS_DRAG)
    until_phase(job, "drag")
    job.cancel()
    assert backend.wait_idle() < AT_ONCE
    finishes(backend, picture)


def test_a_drag_that_has_gone_far_enough_ends_with_its_result(backend: Backend, picture: Path) -> None:
    client = backend.client()
    job = submit(client, picture, ENDLESS_DRAG)
    until_phase(job, "drag")
    backend.client().predict(api_name="/keep")  # another client's word is not for this job
    time.sleep(0.5)
    assert not job.done()
    started = time.monotonic()
    client.predict(api_name="/keep")
    last, layer, mask, edit = list(updates(job))[-1]
    assert time.monotonic() - started < AT_ONCE + 2  # the layer is put together, too
    assert last["phase"] == "done"
    assert layer
    assert mask
    assert edit
    (point,) = last["result"]["report"]["points"]
    assert point["why_not"] == "the drag was stopped"


@pytest.mark.parametrize(
    ("phase", "options"),
    [
        ("invert", ENDLESS),
        ("drag", ENDLESS_DRAG),
    ],
)
def test_the_job_of_a_killed_client_ends_within_a_step(
    backend: Backend, picture: Path, phase: str, options: dict[str, object]
) -> None:
    client = client_process(backend, picture, options)
    read_until(client, phase)
    assert backend.health()["busy"]
    before = backend.log().count("was cancelled")
    client.kill()
    assert backend.wait_idle() < AT_ONCE
    wait_until(lambda: backend.log().count("was cancelled") > before, "the log says so", 5)
    finishes(backend, picture)


def test_who_loses_only_the_heartbeat_keeps_the_job_that_runs_and_the_one_that_waits(
    backend: Backend, picture: Path
) -> None:
    first, second = backend.client(), backend.client()
    running = submit(first, picture, ENDLESS_DRAG)
    until_phase(running, "drag")
    waiting = submit(second, picture)
    wait_until(lambda: backend.queue_length() == 1, "the second job waits")
    for client in (first, second):  # one more, which breaks
        with raw(backend, f"GET /gradio_api/heartbeat/{client.session_hash} HTTP/1.1\r\n\r\n".encode()) as heartbeat:
            assert heartbeat.recv(100)
    time.sleep(GONE_SECONDS + 1)
    first.predict(api_name="/keep")
    assert list(updates(running))[-1][0]["phase"] == "done"
    assert list(updates(waiting))[-1][0]["phase"] == "done"


def test_a_job_that_is_sent_while_the_updates_of_the_last_one_end_is_done(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has the end of the stream, and reads it late."""

    def late(text: str) -> Any:
        time.sleep(0.5 if '"close_stream"' in text else 0)
        return json.loads(text)

    connection = backend.connection(tmp_path)
    monkeypatch.setattr("gradio_client.client.json", SimpleNamespace(loads=late))
    for _ in range(2):
        assert jobs.sample(connection, {"seeds": [1]}, lambda update: None).layer.is_file()
    connection.close()


def test_who_cancels_before_the_job_is_in_the_queue_cancels_it(backend: Backend, picture: Path, tmp_path: Path) -> None:
    first = submit(backend.client(), picture, ENDLESS)
    until_phase(first, "invert")
    connection = backend.connection(tmp_path)
    with pytest.raises(Cancelled):
        jobs.sample(connection, {"seeds": [1]}, lambda update: None, lambda: True)
    time.sleep(1)
    assert backend.queue_length() == 0
    connection.close()
    first.cancel()
    backend.wait_idle()


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the published size for 512 pixels (random weights): about 120 MB, seconds to load."""
    torch.manual_seed(0)
    generator = stylegan2.Generator(generator_architecture(z_dim=512, w_dim=512, img_resolution=512))
    path = tmp_path_factory.mktemp("models") / "large.safetensors"
    stylegan2.save(stylegan2.Model(generator, None, stylegan2.Metadata("large")), path)
    return path


def test_a_client_killed_while_the_model_loads_leaves_nothing_running(
    backend: Backend, picture: Path, slow_model: Path
) -> None:
    client = client_process(backend, picture, {**ENDLESS, "model": str(slow_model)})
    read_until(client, "load")
    client.kill()
    assert backend.health()["busy"]
    backend.wait_idle(60)
    assert "inver" not in backend.log().rpartition(" starts")[2]
    finishes(backend, picture)


def test_a_client_killed_while_it_waits_never_gets_its_turn(backend: Backend, picture: Path) -> None:
    first = submit(backend.client(), picture, ENDLESS)
    until_phase(first, "invert")
    started = backend.log().count(" starts")
    waiting = client_process(backend, picture, ENDLESS)
    wait_until(lambda: backend.queue_length() == 1, "the second job waits")
    waiting.kill()
    wait_until(lambda: backend.queue_length() == 0, "the second job is forgotten", 10)
    first.cancel()
    backend.wait_idle(10)
    time.sleep(0.5)
    assert backend.log().count(" starts") == started
    finishes(backend, picture)
