"""Something of the backend that is looked at again and again, in a thread, and changed between two looks."""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from backend.errors import Cancelled

IDLE_SECONDS = 2.0  # between two looks

Command = TypeVar("Command")
Seen = TypeVar("Seen")


class Watch(ABC, Generic[Command, Seen]):
    """Looks, and does commands, one after the other in a thread of its own, which begins with a look.

    Args:
        seen: is given what is seen, in the thread.
    """

    def __init__(self, seen: Callable[[Seen], None]) -> None:
        self._seen = seen
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._pause = IDLE_SECONDS

    def start(self) -> None:
        """Start the thread; call it when the object is complete."""
        threading.Thread(target=self._run, daemon=True).start()

    def do(self, command: Command) -> None:
        """Have a command done, after which is looked again."""
        self._commands.put(command)

    def close(self) -> None:
        """End the thread; nothing more is seen."""
        self._closed.set()
        self._commands.put(None)

    @abstractmethod
    def _answer(self, command: Command | None) -> Seen:
        """Do a command, or just look, and return what is seen then. Raises Cancelled when it was closed meanwhile."""

    def _run(self) -> None:
        command: Command | None = None
        while not self._closed.is_set():
            try:
                seen = self._answer(command)
            except Cancelled:
                return
            if not self._closed.is_set():
                self._seen(seen)
            try:
                command = self._commands.get(timeout=self._pause)
            except queue.Empty:
                command = None
