"""Questions that come faster than they are answered, as when an artist steps through a list: the last one counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

SETTLE_SECONDS = 0.3  # without another question before one is asked

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class LatestQuestion(Generic[Question, Answer]):
    """Asks one question at a time in a thread of its own, and forgets those that newer ones have replaced.

    Args:
        ask: answers a question; it may take its time.
        answered: is given the answer, in the thread, unless a newer question has come.
        settle_seconds: how long there must be no newer question before one is asked.
    """

    def __init__(
        self,
        ask: Callable[[Question], Answer],
        answered: Callable[[Answer], None],
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._ask, self._answered, self._settle_seconds = ask, answered, settle_seconds
        self._changed = threading.Condition()
        self._waiting: Question | None = None
        self._due = 0.0  # time.monotonic() at which the waiting question is asked
        self._number = 0  # of questions so far; an answer to an earlier one is stale
        self._closed = False
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, question: Question) -> None:
        """Ask this instead of all questions before."""
        with self._changed:
            self._waiting, self._due = question, time.monotonic() + self._settle_seconds
            self._number += 1
            self._changed.notify()

    def close(self) -> None:
        """Forget all questions and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            number, question = taken
            answer = self._ask(question)
            with self._changed:
                stale = self._closed or number != self._number
            if not stale:
                self._answered(answer)

    def _take(self) -> tuple[int, Question] | None:
        """Wait until the newest question is due, and return it with its number; None when there will be no more."""
        with self._changed:
            while not self._closed:
                left = self._due - time.monotonic()
                if self._waiting is not None and left <= 0:
                    question, self._waiting = self._waiting, None
                    return self._number, question
                self._changed.wait(None if self._waiting is None else left)
        return None
