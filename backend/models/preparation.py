"""Preparing a model: training a network that belongs to it, for as long as asked, and keeping what was learned."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import NamedTuple

from backend.errors import UserError

KEEP_EVERY = 60.0  # seconds
COOL_DOWN = 0.25  # share of a training in which the learning rate falls to 0


class PreparationStep(NamedTuple):
    """How far a training is.

    Attributes:
        samples: of the generator's that were seen, in all trainings.
        total: of them that are asked for.
        loss: after the last step.
        seconds_left: about so long it will take, with what the steps took so far.
    """

    samples: int
    total: int
    loss: float
    seconds_left: float


def train(
    step: Callable[[float], float],
    keep: Callable[[], None],
    taken: int,
    samples_a_step: int,
    samples: int,
    minutes: float | None,
) -> Generator[PreparationStep, None, None]:
    """Train until so many samples were seen, or so long; what was learned is kept now and then, but not at the end.

    Args:
        step: learns with that share of the learning rate, and returns the loss.
        keep: writes what was learned.
        taken: steps, before.
        samples_a_step: of the generator's.
        samples: to learn from, with those of the steps before.
        minutes: the training ends after so long, in any case.
    """
    last = -(-samples // samples_a_step)
    started = kept = time.monotonic()
    rate = 1.0
    for number in range(taken + 1, last + 1):
        loss = step(rate)
        now = time.monotonic()
        left = (last - number) * (now - started) / (number - taken)
        if minutes is not None:
            left = min(left, 60 * minutes - (now - started))
        rate = min(left / (now - started + left) / COOL_DOWN, 1)
        yield PreparationStep(number * samples_a_step, samples, loss, left)
        if left <= 0:
            break
        if now - kept > KEEP_EVERY:
            keep()
            kept = now


def check_resume(prepared: bool, resume: bool) -> None:
    """Raise UserError where there is something to go on with and it is not to go on, or nothing where it is."""
    if resume and not prepared:
        raise UserError("This model has not been prepared yet, so there is nothing to resume; leave --resume out.")
    if prepared and not resume:
        raise UserError("This model has been prepared already; give --resume to go on with the training.")
