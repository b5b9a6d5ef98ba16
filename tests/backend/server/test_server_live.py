"""A drag that its client steers while it runs, over a real connection."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from backend.client import Result, Update, jobs
from backend.client.protocol import TOKEN_HEADER
from backend.client.steering import SteeredDrag, Steering, steer
from backend.editing.edit_state import EditState
from backend.errors import Cancelled, UserError
from backend.server.jobs import JobRunner
from backend.server.requests import Request
from tests.backend.server.harness import SHORT, Backend, client_process, read_until, submit, updates
from tests.backend.server.live import QUICK, Live

AT_ONCE = 3.0  # seconds, on a busy machine
NOSE = SteeredDrag(1, (40.0, 34.0), (46.0, 34.0))
FAR = SteeredDrag(1, (40.0, 34.0), (60.0, 34.0))
EAR = SteeredDrag(2, (30.0, 16.0), (30.0, 12.0))
PIN = SteeredDrag(3, (24.0, 30.0), (24.0, 30.0))


@pytest.fixture
def live(backend: Backend, picture: Path, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Opens live drags, and ends them."""
    opened: list[Live] = []

    def open_drag(**request: Any) -> Live:
        opened.append(Live(backend.connection(tmp_path), picture, **request))
        return opened[-1].opened()

    yield open_drag
    for one in opened:
        one.close()
    backend.wait_idle()


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


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
    fields = Path(f"/proc/{backend.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_it_opens_without_anything_to_drag_and_waits(live: Callable[..., Live]) -> None:
    drag = live()
    first = next(update for _, update in drag.updates if update.phase == "drag")
    assert (first.step, first.running, first.ids, first.revision) == (0, False, (), 0)
    assert first.preview is not None
    assert first.region == (8, 0, 64, 64)
    time.sleep(1.2)
    assert drag.now.step == 0
    assert isinstance(drag.finish(), Cancelled), "nothing has moved"


def test_drags_that_it_is_opened_with_are_in_force_at_once(live: Callable[..., Live]) -> None:
    drag = live(drags=({"handle": NOSE.handle, "target": NOSE.target},))
    rested = drag.at_rest()
    assert (rested.ids, rested.revision) == ((0,), 0)
    assert abs(rested.points[0][0] - 46) < 1


def test_points_are_added_moved_and_pinned_while_it_runs(live: Callable[..., Live]) -> None:
    drag = live()
    assert drag.in_force(FAR, PIN).ids == (1, 3)
    moving = drag.until(lambda update: update.step > 3, "it moves")
    second = drag.in_force(EAR, FAR, PIN)
    assert second.ids == (2, 1, 3)
    assert second.points[1][0] > 40.2, "the first goes on from where it was"
    assert abs(second.points[0][1] - 16) < 2
    assert second.step > moving.step
    back = drag.in_force(EAR, NOSE, PIN)
    assert back.targets[1] == (46.0, 34.0)
    rested = drag.at_rest()
    assert abs(rested.points[1][0] - 46) < 1
    result = drag.finish()
    assert isinstance(result, Result)
    points = result.report["points"]
    assert [point["handle"] for point in points] == [[30, 16], [40, 34], [24, 30]]
    assert [point["pin"] for point in points] == [False, False, True]
    assert all(point["arrived"] for point in points[:2])
    assert np.asarray(Image.open(result.mask)).any()


def test_it_pauses_and_goes_on(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(FAR)
    drag.until(lambda update: update.step > 2, "it moves")
    paused = drag.in_force(running=False)
    assert not paused.running
    time.sleep(1.2)
    assert drag.now.step == paused.step
    assert drag.in_force(running=True).running
    drag.until(lambda update: update.step > paused.step + 2, "it goes on")


def test_it_is_taken_back_to_where_it_was(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    first = drag.at_rest()
    drag.wants(NOSE, EAR, stops=(1,))
    drag.until(lambda update: update.revision == 2 and not update.running, "the second has arrived")
    back = drag.in_force(NOSE, back_to=1, running=False)
    assert back.points == first.points
    assert back.preview == first.preview


def test_going_back_is_not_lost_where_something_newer_comes_at_once(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    moved = drag.at_rest()
    drag.wants(running=False, drags=(), back_to=0)
    start = drag.in_force(NOSE, running=False)
    assert start.points == (NOSE.handle,)
    assert start.preview != moved.preview


@pytest.mark.parametrize("how_far", [0.0, 0.5, 1.5])
def test_how_far_is_shown_and_kept(live: Callable[..., Live], how_far: float) -> None:
    drag = live()
    drag.wants(NOSE)
    whole = drag.at_rest()
    shown = drag.in_force(how_far=how_far)
    assert not shown.running
    assert shown.preview != whole.preview
    assert abs(shown.points[0][0] - (40 + how_far * (whole.points[0][0] - 40))) < 0.01
    if how_far == 0.5:
        assert drag.in_force(how_far=1.0).preview == whole.preview
        drag.in_force(how_far=how_far)
    result = drag.finish()
    if how_far == 0:
        assert isinstance(result, Cancelled)
        return
    assert result.report["how_far"] == how_far
    edit = EditState.load(result.edit)
    assert (edit.path[-1:] - edit.w_plus).abs().max() == 0


def test_a_painted_mask_of_another_size_says_what_may_move(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    drag.at_rest()
    mask = np.zeros((32, 40), np.uint8)
    mask[8:28, 10:30] = 255
    assert drag.in_force(mask=png(mask)).running, "what it keeps goes back"
    drag.at_rest()
    result = drag.finish()
    changed = Image.new("L", (80, 64))
    changed.paste(Image.open(result.mask), result.offset)
    left, top, right, bottom = changed.getbbox() or (0, 0, 0, 0)
    assert 18 <= left < right <= 62
    assert 14 <= top < bottom <= 58


def test_an_all_white_mask_lets_everything_move(live: Callable[..., Live], mask: Path) -> None:
    drag = live(mask=mask)
    white = png(np.full((1, 1), 255, np.uint8))
    drag.in_force(NOSE, mask=white)
    drag.at_rest()
    free = drag.at_rest()
    drag.in_force(mask=None)
    kept = drag.at_rest()
    assert kept.preview != free.preview, "the request's mask keeps the right half"


def test_what_cannot_be_is_refused_in_an_update_and_the_rest_goes_on(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    revision = drag.wants(NOSE, SteeredDrag(5, (200.0, 30.0), (210.0, 30.0)))
    refused = drag.until(lambda update: update.refused == revision, "it is refused")
    assert "The handle at 200, 30 lies outside" in refused.message
    assert refused.ids != (1, 5)
    drag.wants(NOSE)
    rested = drag.until(lambda update: update.revision == 3 and not update.running, "it has gone on")
    assert rested.refused is None
    assert drag.wants(NOSE, mask=png(np.zeros((9, 9), np.uint8))) == 4
    assert "Nothing may move" in drag.until(lambda update: update.refused == 4, "no mask").message


def test_an_older_revision_is_not_followed(live: Callable[..., Live]) -> None:
    drag = live()
    drag.in_force(NOSE, revision=10)
    drag.wants(EAR, revision=9)
    time.sleep(0.7)
    assert (drag.now.revision, drag.now.ids) == (10, (1,))


def test_what_is_wanted_while_the_picture_is_found_counts_from_then_on(
    backend: Backend, picture: Path, tmp_path: Path
) -> None:
    drag = Live(backend.connection(tmp_path), picture, {**QUICK, "inversion_steps": 40, "model": "critters"})
    try:
        drag.until(lambda update: update.phase == "invert", "it searches")
        drag.wants(NOSE)
        first = drag.until(lambda update: update.phase == "drag", "the picture is found")
        assert (first.step, first.revision, first.points) == (0, 1, (NOSE.handle,))
    finally:
        drag.close()
    backend.wait_idle()


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
    updates = list(runner.drag(Request(picture, None, None, None, drags, options, 2, "one")))
    assert updates[-1][0].phase == ("done" if moved else "drag")
    assert not runner.queue.busy
