"""What goes wrong around a backend costs no edit, no file and no later job: told in a sentence, and gone on from.

One backend process for all of it. Its graphics card has no room for any model, and its clock jumps by a month.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from gradio_client.exceptions import AppError

from backend.client import DragRequest, Update, jobs
from backend.errors import UserError
from backend.server import app, lifecycle, protocol
from backend.server.gradio_queue import GradioQueue
from backend.server.result_files import NO_FILES
from stylegan2.critters import WEIGHTS
from tests.backend.server.cut import Cut
from tests.backend.server.harness import (
    DRAG,
    SHORT,
    WITHOUT_END,
    Backend,
    join,
    raw,
    submit,
    until_phase,
    updates,
    wait_until,
)

ENDLESS = {**SHORT, "steps": WITHOUT_END, "step_size": 1e-6, "stop_radius": 1e-3}
LINUX = sys.platform == "linux"


class Faulty(Backend):
    """A backend with faults of its own."""

    faults = "small_card jumping_clock"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "FAULTS": self.faults}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    running = Faulty(tmp_path_factory.mktemp("faults") / "home", ("-m", "tests.backend.server.faulty"))
    running.start()
    yield running
    running.end()


@contextmanager
def files_no_larger(backend: Backend, size: int) -> Iterator[None]:
    """The disk takes no larger file from the backend, as if it were full."""
    assert backend.process
    system: Any = psutil  # Linux's alone has limits
    process, kind = system.Process(backend.process.pid), system.RLIMIT_FSIZE
    before = process.rlimit(kind)
    process.rlimit(kind, (size, before[1]))
    try:
        yield
    finally:
        process.rlimit(kind, before)


def request(picture: Path, options: dict[str, Any]) -> DragRequest:
    return DragRequest(picture, None, DRAG, options)


def test_what_has_no_room_on_the_card_is_done_on_the_processor_and_said_so(own: Backend, picture: Path) -> None:
    said = [output[0] for output in updates(submit(own.client(), picture))]
    assert [update["phase"] for update in said[:3]] == ["load", "load", "load"]
    assert "too little free memory for this, so the processor does it" in said[1]["message"]
    assert said[-1]["phase"] == "done"
    assert own.health()["device"] == "cuda"


def test_the_files_of_a_job_go_with_it_but_its_result_can_be_fetched_again(
    own: Backend, picture: Path, tmp_path: Path
) -> None:
    connection = own.connection(tmp_path)
    done = jobs.drag(connection, request(picture, SHORT), lambda update: None)
    connection.close()
    again = own.connection(tmp_path)
    again.client.session_hash = connection.session
    output = again.result_again()
    assert output is not None
    kept = Update.from_output(output, again.fetch)
    assert kept.result is not None
    assert kept.result.layer.read_bytes() == done.layer.read_bytes()
    wait_until(lambda: own.uploads() == [], f"what was sent is gone {own.uploads()}", 10)
    assert own.files_of_jobs() != []
    again.client.session_hash = "another"
    assert again.result_again() is None
    again.close()


def test_a_connection_that_breaks_with_the_result_on_its_way_costs_nothing(
    own: Backend, picture: Path, tmp_path: Path
) -> None:
    with Cut(own.ready["url"], b'"phase":"done"') as cut:
        ready = {**own.ready, "url": cut.url}
        through = Backend(tmp_path / "through", ready=ready)
        through.home.mkdir(mode=0o700)
        through.ready_file.write_text(json.dumps(ready))
        connection = through.connection(tmp_path)
        result = jobs.drag(connection, request(picture, SHORT), lambda update: None)
        connection.close()
    assert cut.cuts > 0
    assert result.layer.is_file()


@pytest.mark.skipif(not LINUX, reason="the limit is Linux's")
def test_a_full_disk_is_said_and_costs_no_drag(own: Backend, picture: Path, tmp_path: Path) -> None:
    connection = own.connection(tmp_path)
    with files_no_larger(own, 100), pytest.raises(UserError, match=r"cannot store what was sent \(.*\); make room"):
        jobs.drag(connection, request(picture, SHORT), lambda update: None)
    assert own.uploads() == []

    short = {**SHORT, "steps": 5}
    job = submit(own.client(), picture, short)
    until_phase(job, "drag")
    with files_no_larger(own, 100), pytest.raises(AppError, match=r"cannot store the result in .*: what was"):
        list(updates(job))
    again = [output[0]["phase"] for output in updates(submit(own.client(), picture, short))]
    assert {"invert", "drag"}.isdisjoint(again)
    assert again[-1] == "done"
    connection.close()


def test_a_client_that_sends_half_and_vanishes_leaves_no_file(own: Backend) -> None:
    before = own.files_of_jobs()
    part = b'--e\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(300_000)
    kind = b"Content-Type: multipart/form-data; boundary=e\r\nContent-Length: 999999"
    connection = raw(own, b"POST /gradio_api/upload HTTP/1.1\r\n" + kind + b"\r\n\r\n" + part)
    wait_until(lambda: len(own.files_of_jobs()) > len(before), "half of it is there")
    connection.close()
    wait_until(lambda: own.files_of_jobs() == before, "it is gone", 20)


def test_a_client_that_reads_nothing_holds_nobody_up_and_its_job_ends_with_it(own: Backend) -> None:
    join(own, "deaf", DRAG, {"inversion_steps": 0, "live": True, "poor_fit": "drag"})
    with closing(raw(own, b"GET /gradio_api/queue/data?session_hash=deaf HTTP/1.1\r\n\r\n")):
        wait_until(lambda: own.health()["busy"], "the job runs")
        time.sleep(1)
        assert own.health()["busy"]
    own.wait_idle(60)
    assert own.files_of_jobs() == [file for file in own.files_of_jobs() if "results" in file.parts]


@pytest.mark.parametrize(("behind", "shown", "ended"), [(0, True, 0), (51, False, 0), (2001, False, 2)])
def test_what_a_client_does_not_read_does_not_fill_the_memory(behind: int, shown: bool, ended: int) -> None:
    """It gets no previews where it is behind; where it is far behind, its drag ends, with a result to come back for."""
    finished: list[str] = []
    unread = SimpleNamespace(qsize=lambda: behind)
    queue = SimpleNamespace(pending_messages_per_session={"deaf": unread})
    runner: Any = SimpleNamespace(queue=SimpleNamespace(finish_early=finished.append))
    blocks: Any = SimpleNamespace(_queue=queue)
    nothing: Any = None
    endpoints = app._Endpoints(runner, nothing, print, nothing, GradioQueue(blocks))
    update = protocol.Update(phase="drag", preview=protocol.Preview.of(np.zeros((2, 2, 3), np.uint8)))
    sent = [answer[0] for answer in endpoints._stream("dragging", iter([(update, NO_FILES)] * 2), "deaf")]
    assert [bool(one and one["preview"]) for one in sent] == [shown] * 2
    assert finished == ["deaf"] * ended


def test_fifty_jobs_that_wait_are_all_done_and_each_gets_its_own(backend: Backend) -> None:
    def call(number: int) -> str:
        body = json.dumps({"data": [{"seeds": [number % 25]}], "session_hash": f"s{number}"}).encode()
        return json.loads(backend.request("POST", "/gradio_api/call/thumbnails", body)[1])["event_id"]

    def picture_of(event: str) -> str:
        stream = backend.request("GET", f"/gradio_api/call/thumbnails/{event}")[1]
        answers = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: [")]
        return next(answer[0]["preview"]["pixels"] for answer in answers if answer[0] and answer[0]["preview"])

    events = [call(number) for number in range(50)]
    pictures = [picture_of(event) for event in events]
    assert pictures[:25] == pictures[25:]
    assert len(set(pictures)) == 25


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets no file go that is open")
def test_a_model_whose_file_is_removed_under_it_can_be_dragged_to_the_end(own: Backend, picture: Path) -> None:
    file = own.home / "models" / "mine.safetensors"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(WEIGHTS.read_bytes())
    client = own.client()
    job = submit(client, picture, {**ENDLESS, "model": "mine"})
    until_phase(job, "drag")
    file.unlink()
    client.predict(api_name="/keep")
    assert list(updates(job))[-1][0]["phase"] == "done"
    with pytest.raises(AppError, match='no model called "mine"; choose one of critters'):
        list(updates(submit(own.client(), picture, {**SHORT, "model": "mine"})))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_drag_goes_on_after_the_computer_was_suspended(own: Backend, picture: Path) -> None:
    assert own.process
    signals: Any = signal
    job = submit(own.client(), picture, {**SHORT, "steps": 40, "stop_radius": 1e-3})
    until_phase(job, "drag")
    own.process.send_signal(signals.SIGSTOP)
    time.sleep(1.5)
    own.process.send_signal(signals.SIGCONT)
    assert list(updates(job))[-1][0]["phase"] == "done"


def test_a_backend_whose_card_has_failed_says_so_and_gives_way_to_a_new_one(tmp_path: Path, picture: Path) -> None:
    failing = Faulty(tmp_path / "home", ("-m", "tests.backend.server.faulty"))
    failing.faults = "lost_card"
    failing.start()
    with pytest.raises(AppError, match="graphics card has stopped working for this program; run the filter again"):
        list(updates(submit(failing.client(), picture)))
    assert failing.process
    assert failing.process.wait(30) == 0


def test_a_backend_that_cannot_say_where_it_is_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "no such folder"))
    ended: list[bool] = []
    server: Any = SimpleNamespace(started=True, ready={}, stop=lambda: ended.append(True))
    watcher = lifecycle._Watcher(server, 0)
    watcher.run()
    assert ended
    assert "backend.json could not be written (No such file or directory)" in str(watcher.failure)


@pytest.mark.parametrize("folder", ["work", "."])
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "home"))
    place = tmp_path / "home" / folder
    place.parent.mkdir(exist_ok=True)
    place.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=f"{place.resolve()} cannot be used .*; mend that"):
        lifecycle.serve()


def test_a_link_in_the_place_of_the_work_folder_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "others.txt").write_text("of another")
    (tmp_path / "home" / "work").symlink_to(tmp_path)
    assert list(lifecycle.empty_work_folder().iterdir()) == []
    assert (tmp_path / "others.txt").exists()
