"""Gradio's queue: what the server needs of it that Gradio, of the pinned version, has no public way to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr
    from gradio.queueing import Event
    from gradio.server_messages import EventMessage


class GradioQueue:
    """The jobs that wait, those that run, and the updates that are still to be read.

    A session is a client's; the data of a job are the arguments that it was sent with.

    Args:
        blocks: of the server.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        self._blocks = blocks

    @property
    def _queue(self) -> Any:
        return self._blocks._queue  # not that of the start: Blocks.queue() makes another

    def unread(self, session: str) -> int:
        """How many updates a session's client has not read yet."""
        messages = self._queue.pending_messages_per_session.get(session)
        return messages.qsize() if messages is not None else 0

    def is_abandoned(self, session: str) -> bool:
        """Whether Gradio ends a job because nobody reads its updates any more; else its client has cancelled it."""
        events = list(self._queue.event_ids_to_events.values())
        return any(event.session_hash == session and not event.alive for event in events)

    def awaited(self, running: str | None = None) -> Iterable[list[Any]]:
        """Yield the data of jobs that wait, or have begun; but not of the one of the session `running` that runs."""
        queue = self._queue
        waiting = [event for one in list(queue.event_queue_per_concurrency_id.values()) for event in list(one.queue)]
        begun = [event for events in list(queue.active_jobs) if events for event in events]
        for event in (*waiting, *(event for event in begun if event.session_hash != running)):
            if event.data:
                yield event.data.data

    async def forget(self, session: str) -> None:
        """Take out the jobs and the updates of a client that is gone.

        Gradio leaves a job waiting whose client goes before it listens for updates, and keeps the updates of 2000
        sessions; then it forgets the oldest, whether its client is there or not.
        """
        queue = self._queue
        await queue.clean_events(session_hash=session)
        queue.pending_messages_per_session.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)

    def on_push(self, accepted: Callable[[list[Any]], None]) -> None:
        """Have a function called with the data of each job that is put into the queue."""
        queue = self._queue
        push = queue.push

        async def push_and_tell(body: Any, request: Any, username: str | None) -> Any:
            outcome = await push(body, request, username)
            if outcome[0]:
                accepted(body.data)
            return outcome

        queue.push = push_and_tell

    def ignore_unknown_clients(self) -> None:
        """Let nobody's job fail because of what Gradio would tell a client that it no longer knows.

        It tells all who wait how many are before them, and whoever has just sent a job would read its error.
        """
        queue = self._queue
        send = queue.send_message

        def send_if_known(event: Event, event_message: EventMessage) -> None:
            if event.session_hash in queue.pending_messages_per_session:
                send(event, event_message)

        queue.send_message = send_if_known
