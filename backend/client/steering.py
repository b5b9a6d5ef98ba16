"""A live drag as its client steers it: what is wanted, in whole, with a number that grows with each change."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace

from backend.client import jobs
from backend.client.connection import Connection
from backend.client.progress import Result, Unfit, Update
from backend.client.protocol import DragRequest, Flag
from backend.errors import Cancelled, UserError

LEFT_ALONE = "Nothing was pulled for half an hour, so the backend let the picture go; open the window again."

Point = tuple[float, float]


@dataclass(frozen=True)
class SteeredDrag:
    """A drag of a live job, in pixels of the layer.

    Args:
        id: names the same drag from one revision to the next.
        handle: as it was first pressed; it stays so while the subject moves.
        target: where to; with handle == target and nothing between, the drag is a pin.
        via: way-points.
    """

    id: int
    handle: Point
    target: Point
    via: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Steering:
    """All that is wanted of a live drag; only the newest revision counts.

    Args:
        revision: 1 or more, and more with each change; 0 is what the job was opened with.
        drags: all of them; a drag that is left out is over, and what it moved stays moved.
        mask: a grey PNG file's bytes, white = may move, over the whole layer in any size up to 1024 pixels; None: the
            mask that the job was opened with; all white: everything may move.
        running: False rests.
        how_far: 0 .. 1.5: the place shown, and kept, of the way that the edit has gone from its start, which on a
            result layer is the original; while it is not 1 nothing moves.
        back_to: an earlier revision, at whose last state this one begins: the code and where each handle was.
        stops: the earlier revisions that a later `back_to` may name; the backend forgets all others.
    """

    revision: int
    drags: tuple[SteeredDrag, ...] = ()
    mask: bytes | None = None
    running: bool = True
    how_far: float = 1.0
    back_to: int | None = None
    stops: tuple[int, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return it as the endpoint takes it."""
        return {
            "revision": self.revision,
            "drags": [
                {"id": drag.id, "handle": drag.handle, "target": drag.target, "via": drag.via} for drag in self.drags
            ],
            "mask": None if self.mask is None else base64.b64encode(self.mask).decode("ascii"),
            "running": self.running,
            "how_far": self.how_far,
            "back_to": self.back_to,
            "stops": self.stops,
        }


def steer(connection: Connection, steering: Steering) -> None:
    """Say what is wanted now of the live drag of this connection; it takes effect at its next step.

    Raises:
        UserError: it makes no sense, there is no live drag, or the backend does not answer.
    """
    connection.post("steer", steering.as_json())


def live_drag(
    connection: Connection,
    request: DragRequest,
    show: Callable[[Update], None],
    cancelled: Flag = lambda: False,
    finish_early: Flag = lambda: False,
) -> Result | Unfit:
    """Open a drag that is steered meanwhile, from another thread; it rests where there is nothing to do.

    Args:
        request: may have no drags; those it has get the ids 0, 1, 2, ... and are in force as revision 0.
        show: gets every update.
        cancelled: whether the drag is to end without a result.
        finish_early: whether it is to end where it is, with that as its result.

    Returns:
        Unfit where the model cannot show the layer and the request's option "poor_fit" is not "drag".

    Raises:
        UserError: the backend's own sentence, or what happened to it.
        Cancelled: `cancelled` was true, or nothing has moved where it was to finish.

    A drag that rests for half an hour is finished by the backend.
    """
    live = replace(request, options={"poor_fit": "ask", **request.options, "live": True})
    last = jobs.last_update(connection, jobs.submit(connection.client, live), show, cancelled, finish_early)
    unfit = jobs.unfit_of(last)
    if unfit is None and last is not None and last.result is None:
        if finish_early():
            raise Cancelled
        raise UserError(LEFT_ALONE)
    return unfit or jobs.result_of(last, connection, finish_early)
