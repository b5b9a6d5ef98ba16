"""How a live drag rests and ends, and what is refused to those who steer it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from backend.client import DragRequest, Update, jobs
from backend.client.protocol import PROTOCOL, TOKEN_HEADER
from backend.client.steering import SteeredDrag, Steering, steer
from backend.errors import Cancelled, UserError
from backend.server.jobs import JobRunner
from backend.server.requests import Request
from tests.backend.server.harness import (
    SHORT,
    Backend,
    client_process,
    join,
    raw,
    read_until,
    submit,
    updates,
    wait_until,
)
from tests.backend.server.live import FAR, NOSE, QUICK, Live, png

AT_ONCE = 3.0  # seconds, on a busy machine


def refusal(live: Live, **wrong: Any) -> str:
    """What is said to malformed JSON; it has to be one sentence."""
    wanted = {**Steering(90, (NOSE,)).as_json(), **wrong}
    with pytest.raises(UserError) as caught:
        live.connection.post("steer", wanted)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert "unexpected" not in text
    return text


def processor_seconds(backend: Backend) -> float:
    """What the backend's process has computed so far."""
    assert backend.process
    times = psutil.Process(backend.process.pid).cpu_times()
    return times.user + times.system


def test_what_cannot_be_is_refused_in_an_update_and_the_rest_goes_on(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    revision = drag.wants(NOSE, SteeredDrag(5, (200.0, 30.0), (210.0, 30.0)))
    refused = drag.until(lambda update: update.refused == revision, "it is refused")
    assert "The handle at 200, 30 lies outside" in refused.message
    assert refused.ids != (1, 5)
    later = wait_until(lambda: drag.now is not refused and not drag.now.running and drag.now, "it rests")
    assert (later.refused, later.message) == (revision, refused.message), "it is still said"
    drag.wants(NOSE)
    rested = drag.until(lambda update: update.revision == 3 and not update.running, "it has gone on")
    assert rested.refused is None
    assert drag.wants(NOSE, mask=png(np.zeros((9, 9), np.uint8))) == 4
    assert "Nothing may move" in drag.until(lambda update: update.refused == 4, "no mask").message


def test_it_ends_at_once_when_it_is_cancelled_at_rest(live: Callable[..., Live], backend: Backend) -> None:
    drag = live()
    drag.wants(NOSE)
    drag.at_rest()
    assert isinstance(drag.cancel(), Cancelled)
    assert backend.wait_idle() < AT_ONCE


def test_it_ends_at_once_when_its_client_goes_while_it_rests(backend: Backend, picture: Path) -> None:
    client = client_process(backend, picture, {**QUICK, "live": True, "steps": 0})
    read_until(client, "drag")
    time.sleep(0.7)
    client.kill()
    assert backend.wait_idle() < AT_ONCE


def test_what_it_has_moved_is_kept_where_its_client_vanishes(backend: Backend) -> None:
    moving = {"handle": NOSE.handle, "target": FAR.target}
    streams = [raw(backend, b"GET /gradio_api/heartbeat/lost HTTP/1.1\r\n\r\n")]
    join(backend, "lost", [moving], {**QUICK, "live": True})
    streams.append(raw(backend, b"GET /gradio_api/queue/data?session_hash=lost HTTP/1.1\r\n\r\n"))
    seen = b""
    while b'"phase":"drag","step":3' not in seen:
        seen = seen[-100:] + streams[-1].recv(1 << 16)
    for stream in streams:
        stream.close()

    def result() -> Any:
        return json.loads(backend.request("POST", "/gradio_api/run/result", b'{"data": [], "session_hash": "lost"}')[1])

    update, layer, _, edit = wait_until(lambda: (data := result()["data"])[0] and data, "it is kept")
    assert update["phase"] == "done"
    assert update["result"]["report"]["steps"] >= 3
    for file in (layer, edit):
        assert backend.request("GET", f"/gradio_api/file={quote(file['path'])}")[0] == 200
    backend.wait_idle()


def test_what_is_cancelled_is_not_kept(live: Callable[..., Live], backend: Backend) -> None:
    drag = live()
    drag.in_force(FAR)
    drag.cancel()
    backend.wait_idle()
    assert drag.connection.result_again() is None


def test_its_client_keeps_no_update_that_was_read(backend: Backend, picture: Path, tmp_path: Path) -> None:
    connection = backend.connection(tmp_path)
    drags = [{"handle": NOSE.handle, "target": NOSE.target}]
    request = DragRequest(picture, None, drags, {**QUICK, "live": True})
    job = jobs.submit(connection.client, request)
    read: list[Update] = []
    with pytest.raises(Cancelled):
        jobs.last_update(connection, job, read.append, lambda: bool(read) and not read[-1].running, lambda: False)
    assert len(read) > 5
    assert len(job.outputs()) < 3
    assert job.communicator.updates.qsize() < 3
    connection.close()
    backend.wait_idle()


def test_at_rest_it_computes_nothing(live: Callable[..., Live], backend: Backend) -> None:
    drag = live()
    drag.wants(NOSE)
    drag.at_rest()
    time.sleep(0.5)
    before, began = processor_seconds(backend), time.monotonic()
    time.sleep(2)
    assert processor_seconds(backend) - before < 0.1 * (time.monotonic() - began)


def test_another_window_is_told_that_it_waits(live: Callable[..., Live], backend: Backend, tmp_path: Path) -> None:
    live()
    connection = backend.connection(tmp_path)
    told: list[Update] = []
    with pytest.raises(Cancelled):
        jobs.sample(connection, {"seeds": [1]}, told.append, lambda: bool(told))
    connection.close()
    assert told[0].message == "The backend is busy with another job; this one comes next..."


def test_who_has_no_live_drag_cannot_steer(backend: Backend, picture: Path, tmp_path: Path) -> None:
    connection = backend.connection(tmp_path)
    with pytest.raises(UserError, match=r"There is no drag to be steered any more; open the window again\."):
        steer(connection, Steering(1, (NOSE,)))
    job = submit(connection.client, picture, {**SHORT, "steps": 300})
    for output in updates(job):
        if output[0]["phase"] == "drag":
            break
    with pytest.raises(UserError, match="There is no drag to be steered"):
        steer(connection, Steering(1, (NOSE,)))
    job.cancel()
    connection.close()
    backend.wait_idle()


def test_steering_needs_the_token(backend: Backend) -> None:
    body = json.dumps({"data": [Steering(1).as_json()], "session_hash": "one"}).encode()
    status, _ = backend.request("POST", "/gradio_api/run/steer", body, {TOKEN_HEADER: "another"})
    assert status == 401
    assert backend.request("POST", "/gradio_api/run/steer", body, {"Host": "draggan.example"})[0] == 403


def test_what_is_malformed_is_one_sentence(live: Callable[..., Live]) -> None:
    drag = live()
    nose = {"id": 1, "handle": [40, 34], "target": [46, 34]}
    assert refusal(drag, revision=0) == 'The value "revision" must be greater than or equal to 1.'
    assert refusal(drag, how_far=1.6) == 'The value "how_far" must be less than or equal to 1.5.'
    assert refusal(drag, running="yes") == 'The value "running" must be a valid boolean.'
    assert "is unknown to this backend" in refusal(drag, speed=3)
    assert refusal(drag, drags=[{**nose, "id": -1}]).startswith('The "id" of drag 1 must be')
    assert refusal(drag, drags=[{"handle": [40, 34], "target": [46, 34]}]) == 'The "id" of drag 1 is missing; give it.'
    assert refusal(drag, drags=[nose, nose]) == "Two drags have the same id; give each its own."
    assert refusal(drag, mask="no base64") == 'The value "mask" must be a PNG file in base64.'
    assert "cannot be read as a picture" in refusal(drag, mask="aGVsbG8=")
    big = png(np.zeros((1, 1025), np.uint8))
    with pytest.raises(UserError, match="more than 1024 pixels on a side"):
        drag.wants(NOSE, mask=big)
    assert drag.outcome is None, "the drag goes on"


@pytest.mark.parametrize("moved", [True, False])
def test_a_rest_that_is_too_long_ends_as_if_it_was_to_be_kept(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    monkeypatch.setattr("backend.server.live.REST_MINUTES", 0.01)
    drags = [{"handle": NOSE.handle, "target": NOSE.target}] if moved else []
    options = {**QUICK, "steps": 2, "live": True}
    runner = JobRunner(tmp_path, torch.device("cpu"))
    updates = list(runner.drag(Request(picture, None, None, None, drags, options, PROTOCOL, "one")))
    assert updates[-1][0].phase == ("done" if moved else "drag")
    assert not runner.queue.busy


def test_a_selection_beside_the_region_is_refused_until_another_mask_is_painted(
    live: Callable[..., Live], tmp_path: Path
) -> None:
    beside, everything = np.zeros((64, 96), np.uint8), np.full((64, 96), 255, np.uint8)
    beside[:, :8] = 255
    Image.new("RGB", (96, 64)).save(tmp_path / "wide.png")
    (tmp_path / "beside.png").write_bytes(png(beside))
    drag = live(image=tmp_path / "wide.png", mask=tmp_path / "beside.png")
    drag.wants(NOSE)
    assert "Nothing may move" in drag.until(lambda update: update.refused == 1, "no mask").message
    assert drag.in_force(NOSE, mask=png(everything)).refused is None
