"""How far the picture is ahead of the model: what is pulled moves at once, by its own pixels, until the model answers.

Only what is around the pulled point goes along, as with GIMP's Warp Transform. Nothing of GIMP.
"""

from __future__ import annotations

import array
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from backend.client import Update

FADE_SECONDS = 0.4  # from the model's first answer to when it alone is seen
STEEPEST = 1.6  # of the bump below, in its radius: what is moved farther would fold
RADII = 48, 64, 96, 128, 192, 256  # pixels of the screen, to choose from
LEAST = 1.0  # pixels of the screen by which anything is moved

Point = tuple[float, float]


class Shift(NamedTuple):
    """What is around a point of the screen comes from elsewhere.

    Args:
        middle: of it.
        way: (x, y) that the middle has come, in pixels.
        radius: beyond it nothing has moved.
    """

    middle: Point
    way: Point
    radius: int


class Pull:
    """One pull of the mouse at a drag.

    Args:
        number: the id of the drag.
    """

    def __init__(self, number: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.number, self._clock = number, clock
        self._answered: float | None = None

    def take(self, update: Update) -> None:
        """Hear of the model: its answer is the first picture in which it knows of the drag."""
        if self._answered is None and update.preview and self.number in update.ids:
            self._answered = self._clock()

    def shift(self, place: Point, target: Point) -> Shift | None:
        """Return what is shown of it now; None where the model's picture is all.

        Args:
            place: of the handle in the model's picture, on the screen.
            target: where it is pulled, on the screen.
        """
        share = 1.0
        if self._answered is not None:
            share = max(0.0, 1 - (self._clock() - self._answered) / FADE_SECONDS)
        length = math.dist(place, target)
        if share * length < LEAST:
            return None
        share *= min(1.0, RADII[-1] / (STEEPEST * share * length))
        way = share * (target[0] - place[0]), share * (target[1] - place[1])
        radius = next(radius for radius in RADII if radius + 0.5 > STEEPEST * math.hypot(*way))
        return Shift((place[0] + way[0], place[1] + way[1]), way, radius)


@lru_cache(maxsize=len(RADII))
def bump(radius: int) -> bytes:
    """Return how much of the way each pixel of a square around the middle has come, 0.5 .. 1, as floats.

    0.5 is nothing: so GEGL's "displace" has it. The square is 2 * radius wide and high.
    """
    squares = [((i + 0.5) / radius - 1) ** 2 for i in range(2 * radius)]
    rows = (0.5 + 0.5 * max(0.0, 1 - x - y) ** 2 for y in squares for x in squares)
    return array.array("f", rows).tobytes()
