"""A live drag at work: its job in one thread, what it is told in another. Nothing of GIMP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from backend.client import Backend, Connection, DragRequest, Flag, Result, Unfit, Update
from backend.client.steering import Steering, live_drag, steer
from backend.errors import UserError
from core import job
from core.latest_question import LatestQuestion

BEFORE_STEERING = ("start", "wait")  # phases of a job that the backend does not know yet

log = logging.getLogger("draggan.live_job")
Outcome = Result | Unfit | BaseException


class LiveJob:
    """One live drag from its opening to its end.

    Args:
        backend: is found or started.
        request: is asked, in the thread, for what the job is opened with.
        shown: gets every update, in the thread.
        ended: gets what came of it, in the thread: the result, that the model cannot show the layer, or an error.
    """

    def __init__(
        self,
        backend: Backend,
        request: Callable[[Connection], DragRequest],
        shown: Callable[[Update], None],
        ended: Callable[[Outcome], None],
    ) -> None:
        self._backend, self._request, self._shown, self._ended = backend, request, shown, ended
        self._cancelled, self._finish = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._wanted: Steering | None = None
        self._steerable = False
        self._steerings = LatestQuestion(self._steer, lambda answer: None, settle_seconds=0.0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def steer(self, steering: Steering) -> None:
        """Want this from now on; it is sent as soon as the backend can take it, unless something newer is."""
        with self._lock:
            self._wanted = steering
            if self._steerable:
                self._steerings.put(steering)

    def finish(self) -> None:
        """End with what there is as the result."""
        self._finish.set()

    @property
    def is_finishing(self) -> bool:
        """Whether it was told to end with its result."""
        return self._finish.is_set()

    def cancel(self) -> None:
        """End without a result; nothing more is heard of it."""
        self._cancelled.set()
        self._steerings.close()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the job's thread."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            outcome: Outcome = self._work(self._cancelled.is_set)
        except BaseException as error:  # for the main thread
            outcome = error
        self._steerings.close()
        if not self._cancelled.is_set():
            self._ended(outcome)

    def _work(self, cancelled: Flag) -> Result | Unfit:
        self._connection = job.connect(self._backend, self._show, cancelled)
        request = self._request(self._connection)
        return live_drag(self._connection, request, self._show, cancelled, self._finish.is_set)

    def _show(self, update: Update) -> None:
        if update.phase not in BEFORE_STEERING and not self._steerable:
            with self._lock:
                self._steerable = True
                if self._wanted:
                    self._steerings.put(self._wanted)
        if not self._cancelled.is_set():
            self._shown(update)

    def _steer(self, steering: Steering) -> None:
        assert self._connection
        try:
            steer(self._connection, steering)
        except UserError as error:  # if the job is over, its own end says more
            log.info("steering %d: %s", steering.revision, error)
