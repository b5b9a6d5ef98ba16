"""What a dialog asks the backend while the artist types: over one connection, and nothing that is outdated."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from backend.client import Backend
from core import job
from core.latest_question import LatestQuestion
from tests.gimp_plugin.backend_home import BackendHome, drag_request, wait_until

PATH = "/home/an artist/models/my own portraits.safetensors"[:43]
Box = tuple[int, int, int, int]
ANSWER: Box = (0, 0, 43, 40)  # of the fake backend, for the whole path


class Since:
    """What the backend was asked since a moment of a test."""

    def __init__(self, home: BackendHome) -> None:
        self._place, self._before = home, len(home.jobs)

    @property
    def connections(self) -> int:
        return sum("connected" in one for one in self._place.jobs[self._before :])

    @property
    def regions(self) -> list[str]:
        return [one["region"] for one in self._place.jobs[self._before :] if "region" in one]


@pytest.fixture
def since(running: BackendHome) -> Since:
    return Since(running)


def type_path(backend: Backend, pause: float = 0.01) -> list[Box | None]:
    """Type a path into the model field, with a question at each letter; returns what was answered in the end."""
    answers: list[Box | None] = []
    questions: LatestQuestion[Mapping[str, object], Box | None] = LatestQuestion(
        lambda options: backend.answer(lambda connection: connection.region((60, 40), None, options)),
        answers.append,
        settle_seconds=0.2,
    )
    for end in range(1, len(PATH) + 1):
        questions.put({"model": PATH[:end]})
        time.sleep(pause)
    wait_until(lambda: ANSWER in answers, 60)
    questions.close()
    return answers


def test_43_keystrokes_open_one_connection_and_ask_once(running: BackendHome, since: Since):
    assert len(PATH) == 43
    threads = threading.active_count()
    assert type_path(running.backend()) == [ANSWER]
    assert since.regions == [PATH]
    assert since.connections == 1
    assert threading.active_count() - threads < 8


def test_slow_typing_asks_more_often_over_the_same_connection(running: BackendHome, since: Since):
    type_path(running.backend(), pause=0.25)
    assert len(since.regions) > 3
    assert since.connections == 1


def test_models_region_and_drag_share_the_connection(running: BackendHome, since: Since, tmp_path: Path):
    backend, found = running.backend(), []
    questions: Sequence[Callable[[], object]] = [
        backend.prepare,
        lambda: found.append(backend.answer(lambda connection: connection.models)),
        lambda: backend.answer(lambda connection: connection.region((60, 40), None, {"model": "critters"})),
    ]
    threads = [threading.Thread(target=question) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [["critters", "broken"]]
    assert job.drag(backend, drag_request(tmp_path), lambda update: None).report == {"steps": 5}
    assert since.connections == 1


def test_closing_ends_the_connection_and_the_next_one_is_new(running: BackendHome, since: Since):
    backend = running.backend()
    first = backend.connect()
    backend.close()
    wait_until(first.client._kill_heartbeat.is_set)
    assert backend.connect() is not first
    backend.close()
    assert since.connections == 2


def test_when_the_backend_has_gone_meanwhile_a_new_one_is_connected_to(home: BackendHome):
    backend = home.backend()
    first = backend.connect()
    home.kill()
    wait_until(lambda: not first.is_open())
    second = backend.connect()
    assert second.pid != first.pid
    assert second.models == ["critters", "broken"]


def test_an_answer_to_an_outdated_question_is_not_given():
    begun, go_on = threading.Event(), threading.Event()
    answers: list[str] = []

    def ask(question: str) -> str:
        begun.set()
        assert go_on.wait(10)
        return question

    questions: LatestQuestion[str, str] = LatestQuestion(ask, answers.append, settle_seconds=0)
    questions.put("old")
    assert begun.wait(10)
    questions.put("new")
    go_on.set()
    wait_until(lambda: answers)
    questions.close()
    assert answers == ["new"]


def test_after_closing_nothing_is_asked():
    asked: list[str] = []
    questions: LatestQuestion[str, None] = LatestQuestion(asked.append, lambda answer: None, settle_seconds=0.1)
    questions.put("never")
    questions.close()
    time.sleep(0.3)
    assert asked == []
