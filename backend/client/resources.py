"""What the backend uses of this computer, as a client asks for it, and giving some of it back."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backend.client.connection import QUESTION_SECONDS, Connection
from backend.client.questions import ask

log = logging.getLogger("draggan.client")


@dataclass(frozen=True)
class Resources:
    """As in backend/server/resources.py; sizes in bytes."""

    device: str
    cores: int
    memory: int
    device_memory: int | None
    models_folder: str
    models_bytes: int
    cache_bytes: int


def look(connection: Connection) -> Resources:
    """Ask what is in use. Raises UserError."""
    return ask(connection, "resources", lambda answer: Resources(**answer))


def clear_cache(connection: Connection) -> Resources:
    """Have the backend forget what it found of pictures. Raises UserError, also while a job is done."""
    return ask(connection, "clear_cache", lambda answer: Resources(**answer))


def stop(connection: Connection) -> None:
    """Ask the backend to end; whether it does is seen in `connection.is_open()`."""
    try:
        connection.client.submit(api_name="/stop").result(QUESTION_SECONDS)
    except Exception as error:  # it may end before it has answered
        log.info("stop: %r", error)
