"""The number of torch's threads: fewer while other programs keep the cores busy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from backend.server import threads
from backend.server.job_queue import JobQueue


class Clock:
    """Seconds that have passed, and those that all cores and this process have worked."""

    def __init__(self) -> None:
        self.seconds = (0.0, 0.0, 0.0)

    def go_on(self, others: float, own: float = 0.0, passed: float = 2.0) -> None:
        """Let time pass, others and this process using so many cores."""
        more = (passed, (others + own) * passed, own * passed)
        self.seconds = tuple(old + new for old, new in zip(self.seconds, more, strict=True))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(threads, "_seconds", lambda: clock.seconds)
    return clock


@pytest.fixture(autouse=True)
def four_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of four cores, and torch with a thread for each."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    monkeypatch.setattr(threads, "_cores", lambda: 4)
    yield
    torch.set_num_threads(before)


def in_job(queue: JobQueue) -> list[int]:
    """How many threads torch has at each step of a job."""
    seen = []
    for _ in queue.run("session", lambda control: iter(range(3))):
        seen.append(torch.get_num_threads())
        torch.set_num_threads(3)  # as in another of Gradio's threads
    return seen


@pytest.mark.parametrize(("others", "expected"), [(0.2, 4), (1.1, 3), (2.6, 1), (4.0, 1)])
def test_a_job_leaves_busy_cores_to_the_programs_that_use_them(clock: Clock, others: float, expected: int) -> None:
    queue = JobQueue()
    clock.go_on(others)
    assert in_job(queue) == [expected] * 3


def test_a_job_takes_the_cores_that_become_free_while_it_runs(clock: Clock) -> None:
    queue, seen = JobQueue(), []
    clock.go_on(others=3.0)
    for number in queue.run("session", lambda control: iter(range(3))):
        seen.append(torch.get_num_threads())
        clock.go_on(others=2.0 - number)
    assert seen == [1, 2, 3]


def test_what_the_backend_itself_computes_takes_no_thread_from_it(clock: Clock) -> None:
    chooser = threads.Threads()
    clock.go_on(others=0.0, own=4.0)
    assert chooser.choose() == 4
    clock.go_on(others=1.0, own=3.0)
    assert chooser.choose() == 3


def test_a_moment_is_too_short_to_see_what_others_do(clock: Clock) -> None:
    chooser = threads.Threads()
    clock.go_on(others=4.0, passed=0.1)
    assert chooser.choose() == 4
