"""A job from the plug-in's side: what is sent, what comes back, and every way in which it can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from PIL import Image

from backend.client import Connection, Pixels, Result, Unfit, Update, jobs, png
from backend.client.progress import POOR_FIT
from backend.errors import Cancelled, UserError
from core import job
from tests.gimp_plugin.backend_home import BackendHome, drag_request, wait_until

Work = Callable[..., tuple[Result, list[Update]]]
SELECTION = Pixels(40, 30, 1, bytes(40 * 15) + bytes([255]) * (40 * 15))


def test_the_backend_is_asked_what_the_artist_asked(running: BackendHome, work: Work):
    work(running, selection=SELECTION)
    sent = running.jobs[-2]
    assert sent["drags"] == [{"handle": [1, 2], "target": [30, 20], "via": []}]
    assert (sent["options"], sent["mask"], sent["mode"], sent["protocol"]) == ({"model": "critters"}, True, "RGBA", 3)


def test_a_drag_that_goes_on_sends_the_edit_and_the_pixels_that_it_began_with(
    running: BackendHome, work: Work, tmp_path: Path
):
    result, _ = work(running)
    sent = running.jobs[-2]
    assert (sent["edit"], sent["original"], result.from_original) == (False, None, False)
    edit, original = tmp_path / "edit.safetensors", tmp_path / "original.png"
    edit.write_bytes(b"edit")
    png.write(original, 20, 10, 4, [bytes(800)])
    result, _ = work(running, edit=edit, original=original)
    sent = running.jobs[-2]
    assert (sent["edit"], sent["original"], result.from_original) == (True, [20, 10], True)


WATCHED = """
import json, sys
from pathlib import Path

def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.connect"):
        print("asked", json.dumps(str(arguments[0] if event == "socket.getaddrinfo" else arguments[1][0])))

sys.addaudithook(watch)
from backend.client import png
from core import job
from backend.client import Backend, DragRequest, Installation
home = Path(sys.argv[1])
installation = Installation("", (), "", home / "ready.json", home / "log", "")
backend = Backend(installation, home / "downloads")
layer = home / "downloads" / "layer.png"
png.write(layer, 40, 30, 3, [bytes(3600)])
drags = [{"handle": [1, 2], "target": [30, 20], "via": []}]
job.drag(backend, DragRequest(layer, None, drags, {"model": "critters"}), lambda update: None)
print("done")
"""


def test_nothing_leaves_this_machine_and_no_secret_of_the_user_is_sent(running: BackendHome):
    """A process of its own, because what gradio_client does is settled when it is first imported."""
    user = {"HF_TOKEN": "hf_secret", "HTTP_PROXY": "http://192.0.2.1:9", "ALL_PROXY": "http://192.0.2.1:9"}
    path = os.pathsep.join([str(Path(job.__file__).parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(running.folder)],
        env={**os.environ, **user, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert lines[-1:] == ["done"], done.stderr
    assert {line for line in lines if line.startswith("asked")} == {'asked "127.0.0.1"'}
    assert not any("leaked" in one for one in running.jobs)


def test_the_result_comes_as_files_with_their_place_in_the_layer(running: BackendHome, work: Work):
    result, _ = work(running)
    assert (result.offset, result.region, result.report) == ((2, 1), (0, 0, 40, 30), {"steps": 5})
    assert Image.open(result.layer).size == Image.open(result.mask).size == (38, 29)
    assert Image.open(result.mask).mode == "L"


def test_every_step_is_shown_with_its_points_and_preview(running: BackendHome, work: Work):
    _, updates = work(running)
    steps = [update for update in updates if update.phase == "drag"]
    assert [update.step for update in steps] == [1, 2, 3, 4, 5]
    assert steps[1].fraction == 0.4
    assert (steps[0].points, steps[0].targets, steps[0].region) == (((1, 2),), ((30, 20),), (0, 0, 40, 30))
    preview = steps[0].preview
    assert preview is not None
    assert len(preview.data) == preview.width * preview.height * 3 == 10 * 8 * 3


def test_the_backends_own_sentence_reaches_the_artist(running: BackendHome, work: Work):
    with pytest.raises(UserError, match=r"^The model is broken; choose another one\.$"):
        work(running, "broken")


def test_an_unexpected_error_of_the_backend_names_its_log(running: BackendHome, work: Work):
    with pytest.raises(UserError, match=r"unexpected error; please report it; the log is .*backend\.log\.$"):
        work(running, "bug")


def test_a_stream_that_ends_without_a_result_is_no_success(running: BackendHome, work: Work):
    with pytest.raises(UserError, match="ended in the middle"):
        work(running, "short")


def test_cancelling_ends_the_job_in_the_backend_too(running: BackendHome, work: Work):
    began = time.monotonic()
    with pytest.raises(Cancelled):
        work(running, "slow", cancel_at=3)
    assert time.monotonic() - began < 5
    wait_until(lambda: "ended" in running.jobs[-1])
    assert running.jobs[-1]["ended"] == "by the client"
    assert running.jobs[-1]["step"] < 10


def test_who_has_to_wait_is_told_how_many_come_before(running: BackendHome, tmp_path: Path):
    """The fake backend does one job at a time, as the real one does."""
    ended, threads = threading.Event(), []
    messages: list[list[str]] = [[], [], []]

    def wait_in_queue(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        with contextlib.suppress(Cancelled):
            job.drag(
                running.backend(), drag_request(folder, "slow"), lambda update: messages[number].append(update.message),
                ended.is_set,
            )  # fmt: skip

    sentences = "Dragging: step 1", "The backend is busy with another job", "2 other jobs come before this one"
    for number, sentence in enumerate(sentences):
        threads.append(threading.Thread(target=wait_in_queue, args=(number,)))
        threads[-1].start()
        wait_until(lambda said=messages[number], text=sentence: any(text in message for message in said))
    ended.set()
    for thread in threads:
        thread.join()


def test_a_drag_that_has_gone_far_enough_ends_with_its_result(running: BackendHome, work: Work):
    result, updates = work(running, "slow", keep_at=3)
    assert result.layer.exists()
    assert max(update.step for update in updates if update.phase == "drag") < 50


def test_a_backend_that_dies_in_the_middle_is_said_to_and_the_next_run_starts_it_anew(home: BackendHome, work: Work):
    left = r"ended in the middle of the work and the image was left as it was; try again, .*; the log is .*\.log\.$"
    with pytest.raises(UserError, match=left):
        work(home, "dies")
    result, _ = work(home)
    assert result.layer.exists()


def test_a_backend_that_hangs_in_the_middle_is_given_up(home: BackendHome, work: Work):
    home.backend().connect()
    began = time.monotonic()
    with pytest.raises(UserError, match="stopped answering"):
        work(home, "hangs", silence_seconds=3)
    assert time.monotonic() - began < 20


def ended(outputs: list[Any], error: Exception | None = None) -> Any:
    """A job that has ended, as gradio_client has it."""
    communicator = SimpleNamespace(lock=threading.Lock(), updates=asyncio.Queue())
    answers = {"done": True, "outputs": outputs, "exception": error}
    return SimpleNamespace(communicator=communicator, **{name: lambda a=answer: a for name, answer in answers.items()})


def take(connection: Connection, url: str) -> None:
    """Follow a job that has ended, whose files are at `url`."""
    update = {"phase": "done", "step": 1, "steps": 1, "message": "", "result": {"offset": [0, 0]}}
    output = (update, *({"path": name, "url": url} for name in ("layer.png", "mask.png", "edit.safetensors")))
    list(jobs.follow(connection, ended([output]), lambda: False))


def test_when_a_file_does_not_come_the_backend_is_gone(running: BackendHome):
    connection = running.backend().connect()
    with pytest.raises(UserError, match="ended in the middle of the work"):
        take(connection, "http://127.0.0.1:9/layer.png")
    with pytest.raises(UserError, match="ended in the middle of the work"):
        take(connection, f"{connection.client.src}/no/such/file")


def test_where_there_is_no_room_for_the_result_the_artist_is_told(running: BackendHome, tmp_path: Path):
    full = running.backend().connect()._replace(downloads=tmp_path / "missing")
    with pytest.raises(UserError, match=r"cannot be stored in .*missing .*make room there, and try again\."):
        take(full, full.client.src)


def test_where_the_backend_has_no_room_for_the_layer_the_artist_is_told(running: BackendHome):
    """It answers all the same, so it is not taken for one that hangs."""
    answer = httpx.Response(500, request=httpx.Request("POST", "http://127.0.0.1/upload"))
    error = httpx.HTTPStatusError("no room", request=answer.request, response=answer)
    with pytest.raises(UserError, match=r"could not take the layer \(HTTP 500\); make room on the disk"):
        list(jobs.follow(running.backend().connect(), ended([], error), lambda: False))


def not_fetched(file: Mapping[str, Any]) -> Path:
    raise AssertionError(file)


@pytest.mark.parametrize(
    "output", [(None, None, None, None), ({}, None, None, None), (), ({"phase": "drag"}, None, None)]
)
def test_an_update_of_another_shape_is_not_understood(output: tuple[object, ...]):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Update.from_output(output, not_fetched)


def test_points_that_did_not_arrive_are_named_with_the_reason():
    points = [{"arrived": True}, {"arrived": False, "why_not": "the 20 steps were used up; allow more steps"}]
    result = Result(Path("layer.png"), Path("mask.png"), Path("edit"), (0, 0), {"points": points})
    assert result.remarks() == ["Point 2 did not reach its target: the 20 steps were used up; allow more steps."]
    assert dataclasses.replace(result, finished_early=True).remarks() == []


def test_a_drag_that_asks_first_ends_before_anything_moves(running: BackendHome, tmp_path: Path):
    phases: list[str] = []
    sent = drag_request(tmp_path, "foreign")
    answer = job.drag_if_fit(running.backend(), sent, lambda update: phases.append(update.phase))
    assert isinstance(answer, Unfit)
    assert answer.sentence == "This model makes ships; it cannot rebuild this layer well."
    assert (answer.picture.width, answer.picture.height, answer.region) == (10, 8, (0, 0, 40, 30))
    assert "drag" not in phases
    assert running.jobs[-1]["options"] == {"model": "foreign", "poor_fit": "ask"}


def test_all_the_same_it_is_dragged_and_the_last_words_are_of_the_fit(running: BackendHome, tmp_path: Path):
    result = job.drag(running.backend(), drag_request(tmp_path, "foreign"), lambda update: None)
    assert result.layer.exists()
    assert result.remarks() == [POOR_FIT]
    assert dataclasses.replace(result, finished_early=True).remarks() == [POOR_FIT]


def test_a_drag_that_asks_first_is_done_where_the_model_fits(running: BackendHome, tmp_path: Path):
    answer = job.drag_if_fit(running.backend(), drag_request(tmp_path), lambda update: None)
    assert isinstance(answer, Result)
    assert answer.remarks() == []


def test_a_result_without_its_files_is_no_result():
    update = {"phase": "done", "step": 1, "steps": 1, "message": "", "result": {"offset": [0, 0]}}
    assert Update.from_output((update, None, None, None), not_fetched).result is None
    files = [{"path": name} for name in ("layer.png", "mask.png", "edit")]
    assert Update.from_output((update, *files[:2], None), not_fetched).result is None
    whole = Update.from_output((update, *files), lambda file: Path(file["path"])).result
    assert whole == Result(Path("layer.png"), Path("mask.png"), Path("edit"), (0, 0), {})
