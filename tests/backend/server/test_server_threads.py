"""The number of torch's threads: fewer while other programs keep the cores busy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from backend.server import threads
from backend.server.job_queue import JobQueue


@pytest.fixture(autouse=True)
def four_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of four cores, and torch with a thread for each."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    monkeypatch.setattr(threads, "_cores", lambda: 4)
    yield
    torch.set_num_threads(before)


def load(monkeypatch: pytest.MonkeyPatch, average: float) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (average, 0.0, 0.0), raising=False)


def in_job(queue: JobQueue) -> list[int]:
    """How many threads torch has at each step of a job."""
    seen = []
    for _ in queue.run("session", lambda control: iter(range(3))):
        seen.append(torch.get_num_threads())
        torch.set_num_threads(3)  # as in another of Gradio's threads
    return seen


@pytest.mark.parametrize(("average", "expected"), [(0.2, 4), (1.1, 3), (2.6, 1), (40.0, 1)])
def test_a_job_leaves_busy_cores_to_the_programs_that_use_them(
    monkeypatch: pytest.MonkeyPatch, average: float, expected: int
) -> None:
    queue = JobQueue()
    load(monkeypatch, average)
    assert in_job(queue) == [expected] * 3


def test_a_job_takes_the_cores_that_become_free_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, 3.0)
    seen = []
    for number in JobQueue().run("session", lambda control: iter(range(3))):
        seen.append(torch.get_num_threads())
        load(monkeypatch, 2.0 - number)
    assert seen == [1, 2, 3]


def test_what_the_backend_itself_has_computed_takes_no_thread_from_the_next_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, used = [0.0], [0.0]
    monkeypatch.setattr(threads.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(threads.time, "process_time", lambda: used[0])
    chooser = threads.Threads()
    now[0], used[0] = 300.0, 1200.0  # four cores for five minutes
    load(monkeypatch, 4.0)
    assert chooser.choose() == 4
    now[0] += 120  # of rest
    load(monkeypatch, 2.5)
    assert chooser.choose() == 2


def test_where_the_system_knows_no_load_all_threads_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.getloadavg", raising=False)
    assert threads.Threads().choose() == 4
