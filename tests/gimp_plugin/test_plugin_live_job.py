"""A live drag from the plug-in's side: what is wanted reaches the backend, the newest first, and the end comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.client import Connection, DragRequest, Result, Unfit, Update
from backend.client.steering import SteeredDrag, Steering
from backend.errors import Cancelled, UserError
from core.live_job import LiveJob, Outcome
from tests.gimp_plugin.backend_home import BackendHome, drag_request, wait_until

DRAGS = (SteeredDrag(7, (1.0, 2.0), (30.0, 20.0)),)


class Watched:
    """A live job and what was heard of it."""

    def __init__(self, home: BackendHome, folder: Path, model: str = "critters") -> None:
        self.updates: list[Update] = []
        self.outcomes: list[Outcome] = []
        self.asked = drag_request(folder, model)
        self.job = LiveJob(home.backend(), self._request, self.updates.append, self.outcomes.append)

    def _request(self, connection: Connection) -> DragRequest:
        return self.asked

    @property
    def now(self) -> Update:
        return self.updates[-1]

    def start(self) -> None:
        self.job.start()
        wait_until(lambda: self.updates and self.now.phase == "drag")


@pytest.fixture
def watched(running: BackendHome, tmp_path: Path) -> Any:
    made: list[Watched] = []

    def watch(model: str = "critters") -> Watched:
        made.append(Watched(running, tmp_path, model))
        return made[-1]

    yield watch
    for one in made:
        one.job.cancel()
        one.job.wait(5)


Watch = Callable[..., Watched]


def test_what_was_wanted_before_the_backend_was_there_is_followed(watched: Watch):
    one = watched()
    one.job.steer(Steering(3, DRAGS))
    one.start()
    wait_until(lambda: one.now.revision == 3)
    assert one.now.ids == (7,)
    assert one.now.points == ((1.0, 2.0),)


def test_only_the_newest_is_followed_and_nobody_waits_for_it(watched: Watch, running: BackendHome):
    one = watched()
    one.start()
    for revision in range(10, 60):
        one.job.steer(Steering(revision, DRAGS))
    wait_until(lambda: one.now.revision == 59)
    sent = [job["steered"]["revision"] for job in running.jobs if "steered" in job]
    assert sent == sorted(sent)


def test_it_ends_with_its_result_where_it_is_told_to(watched: Watch):
    one = watched()
    one.start()
    one.job.steer(Steering(5, DRAGS))
    wait_until(lambda: one.now.revision == 5)
    assert one.outcomes == []
    one.job.finish()
    wait_until(lambda: one.outcomes)
    assert isinstance(one.outcomes[0], Result)
    assert one.outcomes[0].layer.is_file()


def test_of_a_cancelled_job_nothing_more_is_heard(watched: Watch, running: BackendHome):
    one = watched()
    one.start()
    one.job.cancel()
    one.job.wait(10)
    heard = len(one.updates)
    assert one.outcomes == []
    wait_until(lambda: running.jobs[-1].get("ended") == "by the client")
    assert len(one.updates) == heard


def test_a_layer_that_the_model_cannot_show_ends_it(watched: Watch):
    one = watched("foreign")
    one.job.start()
    wait_until(lambda: one.outcomes)
    assert isinstance(one.outcomes[0], Unfit)


def test_the_backends_sentence_is_what_comes_of_it(watched: Watch):
    one = watched("broken")
    one.job.start()
    wait_until(lambda: one.outcomes)
    assert isinstance(one.outcomes[0], UserError)
    assert "broken" in str(one.outcomes[0])


def test_when_the_backend_dies_all_that_was_pulled_is_still_known_and_one_is_told(home: BackendHome, tmp_path: Path):
    home.backend().connect()
    one = Watched(home, tmp_path)
    one.start()
    home.kill()
    wait_until(lambda: one.outcomes)
    assert isinstance(one.outcomes[0], UserError)
    assert "The backend ended in the middle of the work" in str(one.outcomes[0])


def test_what_cannot_be_asked_ends_it_before_it_begins(running: BackendHome, tmp_path: Path):
    outcomes: list[Outcome] = []

    def refuse(connection: Connection) -> DragRequest:
        raise Cancelled

    job = LiveJob(running.backend(), refuse, lambda update: None, outcomes.append)
    job.start()
    wait_until(lambda: outcomes)
    assert isinstance(outcomes[0], Cancelled)
