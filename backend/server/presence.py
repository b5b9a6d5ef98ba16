"""Whether a job's client is still there: it has two streams of Gradio's, its heartbeat and the updates of its jobs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from backend.server.access import Access

if TYPE_CHECKING:
    import gradio as gr
    from gradio.queueing import Event
    from gradio.server_messages import EventMessage

GONE_SECONDS = 1.0  # without heartbeat and without anybody who reads its updates: between two jobs nobody does
LOOK_SECONDS = 0.1


class Presence:
    """What is known of the clients.

    Args:
        blocks: of the server; it has the queue of updates for each session.
        access: knows which of them are read.
    """

    def __init__(self, blocks: gr.Blocks, access: Access) -> None:
        self._blocks, self._access = blocks, access

    def watch(self) -> None:
        """Let nobody's job fail because of what Gradio would tell a client that it no longer knows.

        It tells all who wait how many are before them, and whoever has just sent a job would read its error.
        """
        queue = self._blocks._queue
        send = queue.send_message

        def send_if_known(event: Event, event_message: EventMessage) -> None:
            if event.session_hash in queue.pending_messages_per_session:
                send(event, event_message)

        queue.send_message = send_if_known

    def behind(self, session: str) -> int:
        """How many updates a session's client has not read yet."""
        unread = self._blocks._queue.pending_messages_per_session.get(session)
        return unread.qsize() if unread is not None else 0

    def has_left(self, session: str) -> bool:
        """Whether Gradio ends a job because nobody reads its updates any more; else its client has cancelled it."""
        events = list(self._blocks._queue.event_ids_to_events.values())
        return any(event.session_hash == session and not event.alive for event in events)

    async def without_heartbeat(self, session: str) -> None:
        """Wait until a client whose heartbeat has ended is gone; then take what waits for it out of the queue.

        A heartbeat can break alone, where a machine is very busy, and there can be two: who reads the updates is there.
        Gradio alone leaves a waiting job in the queue when its client goes before it listens for updates.
        """
        unheard = 0.0
        while unheard < GONE_SECONDS and not self._blocks.app.stop_event.is_set():
            await asyncio.sleep(LOOK_SECONDS)
            unheard = 0.0 if self._access.is_heard(session) else unheard + LOOK_SECONDS
        queue = self._blocks._queue
        await queue.clean_events(session_hash=session)
        # Gradio keeps those of 2000 sessions, and then forgets the oldest, be it there or not
        queue.pending_messages_per_session.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)
