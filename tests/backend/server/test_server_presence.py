"""What becomes of clients that Gradio's queue no longer knows: it is made up here, for it forgets only every 2000th."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from backend.server import presence
from backend.server.presence import Presence

NOBODY_READS = SimpleNamespace(is_heard=lambda _: False)


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


def clients_of(queue: Queue) -> Presence:
    blocks: Any = SimpleNamespace(_queue=queue, app=SimpleNamespace(stop_event=asyncio.Event()))
    clients = Presence(blocks, NOBODY_READS)  # pyright: ignore[reportArgumentType]
    clients.watch()
    return clients


def test_what_is_told_to_a_client_that_is_forgotten_fails_nobody_elses_job() -> None:
    queue = Queue("known")
    clients_of(queue)
    for session in ("known", "forgotten"):
        queue.send_message(SimpleNamespace(session_hash=session), "one job is before yours")
    assert queue.pending_messages_per_session == {"known": ["one job is before yours"]}


def test_nothing_is_kept_of_a_client_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "GONE_SECONDS", 0.1)
    queue = Queue("gone", "there")
    asyncio.run(clients_of(queue).without_heartbeat("gone"))
    assert queue.waiting == ["there"]
    assert [*queue.pending_messages_per_session] == [*queue.pending_event_ids_session] == ["there"]
