"""The queue of jobs: one computes at a time, and each can be cancelled or finished early while it runs or waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from backend.errors import Cancelled, UserError
from backend.models.device import is_out_of_memory
from backend.server.log import logger
from backend.server.steering import Asked, SteeringInbox
from backend.server.threads import Threads

POLL_SECONDS = 0.05  # between looks whether a waiting job has been cancelled
NO_MEMORY = (
    "This computer has too little free memory for it; close other programs, or choose a smaller model or a smaller "
    "layer."
)
LOST = (
    "The graphics card has stopped working for this program; run the filter again, which starts the backend anew, and "
    "if it happens again update the card's driver."
)
T = TypeVar("T")


@dataclass(eq=False)
class JobControl:
    """How the client of a running or waiting job ends it.

    Attributes:
        session: of the client.
        cancelled: end at once, without a result.
        finish_early: end the drag at its next step, with its result.
        inbox: of a drag that can be steered; None of another job.
        worth_keeping: whether it is a drag whose result so far is kept where its client is gone.
    """

    session: str
    cancelled: threading.Event = field(default_factory=threading.Event)
    finish_early: threading.Event = field(default_factory=threading.Event)
    inbox: SteeringInbox | None = None
    worth_keeping: bool = False

    def cancel(self) -> None:
        """End the job at once."""
        self._tell(self.cancelled)

    def finish(self) -> None:
        """End its drag early."""
        self._tell(self.finish_early)

    def _tell(self, event: threading.Event) -> None:
        event.set()
        if self.inbox is not None:
            self.inbox.changed.set()


class JobQueue:
    """Runs one job at a time. Safe to use from several threads.

    Attributes:
        device_lost: whether the graphics card computes nothing any more for this process; only a new one can use it.
    """

    def __init__(self) -> None:
        # Gradio starts one job at a time, but lets go of a cancelled one before the end of its step.
        self._lock = threading.Lock()  # held by the running job
        self._threads = Threads()
        self.device_lost = False
        self._controls: list[JobControl] = []  # of the running job and those that wait
        self._ended = time.monotonic()

    def run(self, session: str, work: Callable[[JobControl], Iterator[T]], live: bool = False) -> Iterator[T]:
        """Yield what `work` yields once no other job runs; end early when the job is cancelled.

        Args:
            session: of the client.
            work: does the job.
            live: whether it can be steered.

        Raises:
            UserError: there is too little memory for it.
        """
        try:
            with self._running(JobControl(session, inbox=SteeringInbox() if live else None)) as control:
                torch.set_num_threads(self._threads.choose())
                for output in work(control):
                    yield output
                    # Anew each time: the load falls while a job runs, and OpenMP has the number per thread, where
                    # Gradio takes any thread for each step.
                    torch.set_num_threads(self._threads.choose())
        except (Cancelled, GeneratorExit) as end:  # whichever comes first: the step, or Gradio, which closes it
            logger.info("Job of session %s was cancelled", session)
            if isinstance(end, GeneratorExit):
                raise
        except (RuntimeError, MemoryError) as error:
            no_memory = is_out_of_memory(error)
            self.device_lost |= isinstance(error, torch.AcceleratorError) and not no_memory
            if not (self.device_lost or no_memory):
                raise
            logger.exception("Job of session %s", session)
            raise UserError(LOST if self.device_lost else NO_MEMORY) from error

    @contextmanager
    def _running(self, control: JobControl) -> Iterator[JobControl]:
        """Wait until no other job runs, keep the others waiting, and yield the job's control."""
        session = control.session
        self._controls.append(control)
        try:
            while not self._lock.acquire(timeout=POLL_SECONDS):
                if control.cancelled.is_set():
                    raise Cancelled
            started = time.monotonic()
            logger.info("Job of session %s starts", session)
            try:
                yield control
            finally:
                self._ended = time.monotonic()
                logger.info("Job of session %s ends after %.2f s", session, self._ended - started)
                self._lock.release()
        finally:
            self._controls.remove(control)

    @contextmanager
    def paused(self) -> Iterator[bool]:
        """Hold off the next job for a moment; yield False, and hold nothing, when one runs."""
        held = self._lock.acquire(blocking=False)
        try:
            yield held
        finally:
            if held:
                self._lock.release()

    def cancel(self, session: str) -> None:
        """End the job of `session` at its next step."""
        for control in self._of(session):
            control.cancel()

    def leave(self, session: str) -> bool:
        """End the job of `session`, whose client is gone, at its next step; say whether its result so far is kept."""
        controls = self._of(session)
        for control in controls:
            logger.info("The client of session %s is gone", session)
            control.finish() if control.worth_keeping else control.cancel()
        return any(control.worth_keeping for control in controls)

    def steer(self, session: str, asked: Asked) -> None:
        """Hand what a client asks for to its live drag. Raises UserError where it has none."""
        inboxes = [control.inbox for control in self._of(session) if control.inbox is not None]
        if not inboxes:
            raise UserError("There is no drag to be steered any more; open the window again.")
        for inbox in inboxes:
            inbox.ask(asked)

    def finish_early(self, session: str) -> None:
        """End the drag of `session` at its next step, with its result so far."""
        for control in self._of(session):
            logger.info("The drag of session %s is to end here", session)
            control.finish()

    def _of(self, session: str) -> list[JobControl]:
        return [control for control in self._controls if control.session == session]

    def cancel_all(self) -> None:
        """End every job at its next step."""
        for control in list(self._controls):
            control.cancel()

    @property
    def busy(self) -> bool:
        """True while a job runs."""
        return self._lock.locked()

    @property
    def seconds_rested(self) -> float:
        """Seconds since the last job ended."""
        return time.monotonic() - self._ended

    @property
    def seconds_idle(self) -> float:
        """Seconds since the last job ended; 0 during one."""
        return 0.0 if self.busy else self.seconds_rested
