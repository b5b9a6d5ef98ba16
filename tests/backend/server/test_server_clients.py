"""What becomes of clients that Gradio's queue no longer knows: it is made up here, for it forgets only every 2000th."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from backend.server import presence
from backend.server.gradio_queue import GradioQueue
from backend.server.presence import client_gone


class Queue:
    """As Gradio's, as far as it is asked."""

    def __init__(self, *sessions: str) -> None:
        self.pending_messages_per_session: dict[str, list[str]] = {session: [] for session in sessions}
        self.pending_event_ids_session: dict[str, set[str]] = {session: {"a job"} for session in sessions}
        self.waiting = [*sessions]

    def send_message(self, event: Any, message: str) -> None:
        self.pending_messages_per_session[event.session_hash].append(message)

    async def clean_events(self, session_hash: str) -> None:
        self.waiting.remove(session_hash)


def gradio_queue_of(queue: Queue) -> GradioQueue:
    blocks: Any = SimpleNamespace(_queue=queue)
    return GradioQueue(blocks)


def test_what_is_told_to_a_client_that_is_forgotten_fails_nobody_elses_job() -> None:
    queue = Queue("known")
    gradio_queue_of(queue).ignore_unknown_clients()
    for session in ("known", "forgotten"):
        queue.send_message(SimpleNamespace(session_hash=session), "one job is before yours")
    assert queue.pending_messages_per_session == {"known": ["one job is before yours"]}


def test_nothing_is_kept_of_a_client_that_is_gone() -> None:
    queue = Queue("gone", "there")
    asyncio.run(gradio_queue_of(queue).forget("gone"))
    assert queue.waiting == ["there"]
    assert [*queue.pending_messages_per_session] == [*queue.pending_event_ids_session] == ["there"]


def test_a_client_is_there_as_long_as_it_reads_its_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "GONE_SECONDS", 0.25)
    reads = iter([False, True, True])  # and nothing from then on
    looks: list[bool] = []

    def is_heard(_: str) -> bool:
        looks.append(next(reads, False))
        return looks[-1]

    access: Any = SimpleNamespace(is_heard=is_heard)
    asyncio.run(client_gone("one", access, asyncio.Event()))
    assert looks == [False, True, True, False, False, False]
