"""Drags: a handle, a target, way-points between; a pin is a handle that stays."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from backend.errors import UserError

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Drag:
    """Move what is at `handle` to `target`, through the points of `via` in order.

    Points are (x, y), floats, in pixels of the layer; (0, 0) is its top left corner, pixel centres lie at +0.5.
    """

    handle: Point
    target: Point
    via: tuple[Point, ...] = ()

    @classmethod
    def pin(cls, point: Point) -> Drag:
        """Return the drag of a point that is to stay where it is."""
        return cls(point, point)

    @property
    def is_pin(self) -> bool:
        """True when the point is to stay where it is."""
        return self.handle == self.target and not self.via

    @property
    def goals(self) -> tuple[Point, ...]:
        """The points to be reached, in order; the last one is the target."""
        return (*self.via, self.target)

    @property
    def points(self) -> tuple[Point, ...]:
        """Handle, way-points and target."""
        return (self.handle, *self.goals)


def parse_drag(text: str) -> Drag:
    """Parse "X,Y:X,Y" (handle and target) or "X,Y:X,Y:...:X,Y" (with way-points between them).

    Raises:
        UserError: the text is anything else.
    """
    points = [_parse_point(part, text) for part in text.split(":")]
    if len(points) < 2:
        raise UserError(f"The drag {text!r} has no target; write it as X,Y:X,Y in pixels of the picture.")
    return Drag(points[0], points[-1], tuple(points[1:-1]))


def parse_pin(text: str) -> Drag:
    """Parse "X,Y". Raises UserError when the text is anything else."""
    return Drag.pin(_parse_point(text, text))


def check_drags(drags: Sequence[Drag]) -> None:
    """Raise UserError unless there is something to move and every coordinate is a finite number."""
    if not drags:
        raise UserError("There is nothing to drag; give at least one drag from a handle to a target.")
    if not all(math.isfinite(value) for drag in drags for point in drag.points for value in point):
        raise UserError("A point of a drag is not a finite number; give coordinates in pixels of the picture.")
    if all(drag.is_pin for drag in drags):
        raise UserError("All points are pins; give at least one drag whose target is not its handle.")


def _parse_point(part: str, whole: str) -> Point:
    try:
        x, y = (float(number) for number in part.split(","))
    except ValueError:
        raise UserError(f"{whole!r} is not a drag or pin; write points as X,Y in pixels of the picture.") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise UserError(f"{whole!r} holds a number that is not finite; write points as X,Y in pixels.")
    return x, y
