"""Whether a client is still there: it has two streams of Gradio's, its heartbeat and the updates of its jobs."""

from __future__ import annotations

import asyncio

from backend.server.access import Access

GONE_SECONDS = 1.0  # without heartbeat and without anybody who reads its updates: between two jobs nobody does
LOOK_SECONDS = 0.1


async def client_gone(session: str, access: Access, stop: asyncio.Event) -> None:
    """Wait until the client of a session whose heartbeat has ended is gone, or the server ends.

    A heartbeat can break alone, where a machine is very busy, and there can be two: who reads the updates is there.
    """
    unheard = 0.0
    while unheard < GONE_SECONDS and not stop.is_set():
        await asyncio.sleep(LOOK_SECONDS)
        unheard = 0.0 if access.is_heard(session) else unheard + LOOK_SECONDS
