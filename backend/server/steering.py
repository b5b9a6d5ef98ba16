"""What a client wants of a live drag: as it comes in, taken strictly, and as the engine takes it."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationError

from backend import pictures
from backend.editing.live_drag import Steering
from backend.editing.points import Drag
from backend.errors import UserError
from backend.server.protocol import MOST_DRAGS, Count, DragField, Incoming, Whole, sentence

MOST_STOPS = 1000
LARGEST_MASK = 1 << 20  # characters of base64
HowFar = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1.5)]


class LiveDragField(DragField):
    """One drag of a live job, with the number by which it is known from one revision to the next."""

    id: Whole


class SteeringField(Incoming):
    """All that is wanted, as in `backend/client/steering.py`; `mask` is a grey PNG file in base64."""

    revision: Count
    drags: Annotated[list[LiveDragField], Field(max_length=MOST_DRAGS)]
    mask: Annotated[str, Field(strict=True, max_length=LARGEST_MASK)] | None = None
    running: Annotated[bool, Field(strict=True)] = True
    how_far: HowFar = 1.0
    back_to: Whole | None = None
    stops: Annotated[tuple[Whole, ...], Field(max_length=MOST_STOPS)] = ()


@dataclass(frozen=True)
class Asked:
    """What a client has asked for; its mask, uint8 [h, w], is of any size yet, and None where it says nothing of it."""

    steering: Steering
    mask: np.ndarray | None
    mask_text: str | None


def read_steering(value: object) -> Asked:
    """Turn what came in (JSON) into what is asked for. Raises UserError."""
    try:
        wanted = SteeringField.model_validate(value)
    except ValidationError as error:
        raise UserError(sentence(error, "value", within="drags")) from None
    drags = {drag.id: Drag(drag.handle, drag.target, tuple(drag.via)) for drag in wanted.drags}
    if len(drags) < len(wanted.drags):
        raise UserError("Two drags have the same id; give each its own.")
    steering = Steering(
        revision=wanted.revision,
        drags=drags,
        running=wanted.running,
        how_far=wanted.how_far,
        back_to=wanted.back_to,
        stops=wanted.stops,
    )
    return Asked(steering, _read_mask(wanted.mask), wanted.mask)


def _read_mask(text: str | None) -> np.ndarray | None:
    if text is None:
        return None
    try:
        return pictures.decode_mask(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise UserError('The value "mask" must be a PNG file in base64.') from None


@dataclass(eq=False)
class SteeringInbox:
    """Where the newest that a client asked for waits for the next step of its drag. Safe to use from several threads.

    Attributes:
        changed: set whenever there is something to be taken, or the job is to end.
    """

    changed: threading.Event = field(default_factory=threading.Event)
    _asked: Asked | None = None
    _taken: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, asked: Asked) -> None:
        """Take what a client asks for, unless it is older than what is here."""
        with self._lock:
            before = self._asked
            if before is not None and asked.steering.revision <= before.steering.revision:
                return
            if before is not None and not self._taken and asked.steering.back_to is None:
                # it was too late for a step of its own, and would have gone back
                back_to = before.steering.back_to
                asked = replace(asked, steering=replace(asked.steering, back_to=back_to))
            self._asked, self._taken = asked, False
        self.changed.set()

    def take(self) -> Asked | None:
        """Return the newest; None where nobody has asked for anything."""
        with self._lock:
            self.changed.clear()
            self._taken = True
            return self._asked


class SteeringSource:
    """What is wanted of a job's drag, for the engine: at first as the job was opened, then as its client asks."""

    def __init__(
        self, inbox: SteeringInbox, drags: Sequence[Drag], mask: np.ndarray | None, size: tuple[int, int]
    ) -> None:
        """Begin as the job was opened.

        Args:
            inbox: of the job.
            drags: of its request.
            mask: uint8 [H, W], the same.
            size: (height, width) of the layer.
        """
        self._inbox, self._size = inbox, size
        self._first = Steering(drags=dict(enumerate(drags)), mask=mask)
        self._masks: tuple[str | None, np.ndarray | None] = None, mask

    def __call__(self) -> Steering:
        """Return the newest."""
        asked = self._inbox.take()
        if asked is None:
            return self._first
        if asked.mask_text != self._masks[0]:
            self._masks = asked.mask_text, self._mask(asked)
        return replace(asked.steering, mask=self._masks[1])

    def _mask(self, asked: Asked) -> np.ndarray | None:
        """The mask at the size of the layer; None where everything may move."""
        if asked.mask is None:
            return self._first.mask
        return None if asked.mask.min() == 255 else pictures.enlarged_mask(asked.mask, self._size)
