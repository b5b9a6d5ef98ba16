"""Whose turn it is: one job at a time, and what the clients of those at work and waiting want of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from backend.errors import UserError
from backend.server.log import logger
from backend.server.updates import Unwanted

LOOK_EVERY = 0.05  # seconds between looks whether a waiting job is still wanted
Told = TypeVar("Told")


@dataclass(eq=False)
class Wish:
    """What the client of a job at work or waiting wants of it."""

    session: str
    unwanted: threading.Event = field(default_factory=threading.Event)  # end at once, without a result
    enough: threading.Event = field(default_factory=threading.Event)  # end the drag here, with its result


class Turns:
    """The turns of all jobs. Safe to use from several threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()  # held by the job at work
        self._wishes: list[Wish] = []  # one for each job
        self._rested = time.monotonic()

    def take(self, session: str, work: Callable[[Wish], Iterator[Told]]) -> Iterator[Told]:
        """Do the work when it is its turn; ends early when nobody wants it any more.

        Raises UserError when the card has too little memory for it.
        """
        try:
            with self._at_work(session) as wish:
                yield from work(wish)
        except Unwanted:
            logger.info("Job of session %s: nobody wants it any more", session)
        except torch.OutOfMemoryError as error:
            logger.exception("Job of session %s", session)
            raise UserError(
                "The graphics card has too little free memory for this model; close other programs that use it, "
                "or choose a smaller model."
            ) from error

    @contextmanager
    def _at_work(self, session: str) -> Iterator[Wish]:
        """Wait for the turn and hold it; yields what the job's client will want of it."""
        wish = Wish(session)
        self._wishes.append(wish)
        try:
            while not self._turn.acquire(timeout=LOOK_EVERY):
                if wish.unwanted.is_set():
                    raise Unwanted
            started = time.monotonic()
            logger.info("Job of session %s starts", session)
            try:
                yield wish
            finally:
                self._rested = time.monotonic()
                logger.info("Job of session %s ends after %.2f s", session, self._rested - started)
                self._turn.release()
        finally:
            self._wishes.remove(wish)

    @contextmanager
    def between(self) -> Iterator[bool]:
        """Hold off the next job for a moment; False, and nothing is held, when one is at work."""
        held = self._turn.acquire(blocking=False)
        try:
            yield held
        finally:
            if held:
                self._turn.release()

    def forget(self, session: str) -> None:
        """The client of `session` is gone: its job ends at its next step."""
        for wish in self._of(session):
            logger.info("The client of session %s is gone", session)
            wish.unwanted.set()

    def keep(self, session: str) -> None:
        """The client of `session` has seen enough: its drag ends at its next step, with what it has become."""
        for wish in self._of(session):
            logger.info("The drag of session %s is to end here", session)
            wish.enough.set()

    def _of(self, session: str) -> list[Wish]:
        return [wish for wish in self._wishes if wish.session == session]

    def stop_all(self) -> None:
        """Every job ends at its next step."""
        for wish in list(self._wishes):
            wish.unwanted.set()

    @property
    def busy(self) -> bool:
        """True while a job is at work."""
        return self._turn.locked()

    @property
    def seconds_resting(self) -> float:
        """Seconds since the last job ended; 0 during one."""
        return 0.0 if self.busy else time.monotonic() - self._rested
