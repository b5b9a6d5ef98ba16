"""The live drag behind the drag window: one job after another, whose updates and ends come to the main thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from gi.repository import GLib

from backend.client import Backend, Connection, DragRequest, Update
from backend.client.steering import Steering
from core.live_job import LiveJob, Outcome

ENDING_SECONDS = 2.0  # that a job which is cancelled may take to end


class LiveWork:
    """At most one job at a time.

    Args:
        last_model: is taken for the first job if the backend offers it; "" for none.
        updated: gets the newest update, so that frames never queue up.
        took_model: is told that `last_model` was taken.
        ended: gets what came of a job that has ended by itself.
    """

    def __init__(
        self,
        backend: Backend,
        last_model: str,
        updated: Callable[[Update], None],
        took_model: Callable[[str], None],
        ended: Callable[[Outcome], None],
    ) -> None:
        self._backend, self._last_model = backend, last_model
        self._updated, self._took_model, self._ended = updated, took_model, ended
        self._job: LiveJob | None = None
        self._lock = threading.Lock()
        self._newest: tuple[LiveJob, Update] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether there was a job."""
        return self._job is not None

    @property
    def is_finishing(self) -> bool:
        """Whether the job was told to end with its result."""
        return self._job is not None and self._job.is_finishing

    def begin(self, request: DragRequest, steering: Steering) -> None:
        """Begin a job, instead of the one that may be at work."""
        before = self._job
        if before:
            before.cancel()

        def asked(connection: Connection) -> DragRequest:
            if before:
                before.wait(ENDING_SECONDS)  # it has the same connection, and what is steered there
            return self._with_model(request, connection)

        job = LiveJob(
            self._backend,
            asked,
            lambda update: self._post(job, update),
            lambda outcome: GLib.idle_add(self._end, job, outcome),
        )
        self._job = job
        job.steer(steering)
        job.start()

    def steer(self, steering: Steering) -> None:
        """Say what is wanted from now on."""
        if self._job:
            self._job.steer(steering)

    def finish(self) -> None:
        """End the job with its result."""
        if self._job:
            self._job.finish()

    def leave(self) -> None:
        """End the job, if it is still at work; nothing more is heard of it."""
        if self._job:
            self._job.cancel()
            self._job.wait(ENDING_SECONDS)

    def _with_model(self, request: DragRequest, connection: Connection) -> DragRequest:
        """Take the model that the layer names, the first time; called in the job's thread."""
        model, self._last_model = self._last_model, ""
        if not model or model not in connection.models:
            return request
        GLib.idle_add(self._tell_model, model)
        return replace(request, options={**request.options, "model": model})

    def _tell_model(self, model: str) -> bool:
        self._took_model(model)
        return GLib.SOURCE_REMOVE

    def _post(self, job: LiveJob, update: Update) -> None:
        """Take an update from the job's thread."""
        with self._lock:
            waiting, self._newest = self._newest is not None, (job, update)
        if not waiting:
            # before the window is drawn anew: while the mouse moves there is always something to draw
            GLib.idle_add(self._hand_on, priority=GLib.PRIORITY_HIGH_IDLE)

    def _hand_on(self) -> bool:
        with self._lock:
            newest, self._newest = self._newest, None
        if newest and newest[0] is self._job:
            self._updated(newest[1])
        return GLib.SOURCE_REMOVE

    def _end(self, job: LiveJob, outcome: Outcome) -> bool:
        if job is self._job:
            self._ended(outcome)
        return GLib.SOURCE_REMOVE
