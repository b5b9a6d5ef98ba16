"""The updates of a live drag: frames while it moves, one when it comes to rest, and then only signs of life."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from backend.editing.steps import DragStep
from backend.errors import Cancelled
from backend.server.job_queue import JobControl
from backend.server.log import logger
from backend.server.progress import Box, drag_update
from backend.server.protocol import Update
from backend.server.steering import SteeringInbox

FRAME_EVERY = 0.05  # seconds: as often as a viewer sees a motion, not single pictures
FRAME_SHARE = 0.5  # of the time, at most: of a large model a frame costs as much as many steps
SIGN_EVERY = 0.5  # seconds: Gradio can end a job only where an update comes
REST_MINUTES = 30.0  # after which a drag that nobody steers any more ends, as if it was to be kept


def live_updates(steps: Iterable[DragStep], control: JobControl, inbox: SteeringInbox, box: Box) -> Iterator[Update]:
    """Yield the updates of a drag until it is to finish; while it rests, wait for something new.

    Nobody may come back to a window that was left open, and others wait for their jobs: so a long rest ends the drag.

    Args:
        steps: of the drag, without end.
        control: of its job.
        inbox: the same.
        box: the region (x, y, width, height).

    Raises:
        Cancelled: the job has been cancelled.
    """
    frames = _Frames()
    for step in steps:
        if _over(control):
            return
        if frames.is_due(step):
            yield frames.timed(step, box)
        if not step.running:
            yield from _rest(step, control, inbox, box)
            if not inbox.changed.is_set():
                logger.info("The drag of session %s has rested for %.0f minutes", control.session, REST_MINUTES)
                return


def _rest(step: DragStep, control: JobControl, inbox: SteeringInbox, box: Box) -> Iterator[Update]:
    """Yield signs of life until there is something new, or the rest has been too long."""
    deadline = time.monotonic() + 60 * REST_MINUTES
    while not inbox.changed.wait(SIGN_EVERY) and time.monotonic() < deadline:
        yield drag_update(step, box, preview=None)


def _over(control: JobControl) -> bool:
    """Whether the drag is to finish. Raises Cancelled when it is to end without a result."""
    if control.cancelled.is_set():
        raise Cancelled
    return control.finish_early.is_set()


class _Frames:
    """Chooses the steps that are shown."""

    def __init__(self) -> None:
        self._next = -float("inf")
        self._resting: object = None  # the revision that is shown at rest, and the one that is refused

    def is_due(self, step: DragStep) -> bool:
        """Whether to show a step: a moving one in time, a resting one once for each revision."""
        return time.monotonic() >= self._next if step.running else (step.revision, step.refused) != self._resting

    def timed(self, step: DragStep, box: Box) -> Update:
        """Return the update with the frame, and choose when the next one is due."""
        started = time.monotonic()
        update = drag_update(step, box, step.change())
        self._next = started + max(FRAME_EVERY, (time.monotonic() - started) / FRAME_SHARE)
        self._resting = None if step.running else (step.revision, step.refused)
        return update
