"""Drags as an argument of the filter: what GIMP remembers of the last run, so that it can be done again without a path.

They are in pixels of the image, as paths are, so that they mean the same place on whatever layer is the current one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backend.errors import UserError
from core.drags import Point, Stroke
from core.i18n import _

SAME = 0.01  # pixels


class LastDrag(NamedTuple):
    """A drag that was done.

    Args:
        trajectory: handle, way-points and target; of a pin one point.
        moved: (x, y), how far what lay under the handle has come.
    """

    trajectory: tuple[Point, ...]
    moved: Point = (0.0, 0.0)

    @classmethod
    def of_report(cls, point: Mapping[str, Any], offset: tuple[int, int]) -> LastDrag:
        """Read a point of a result's report, which is in pixels of a layer at `offset` (x, y) of the image."""
        goals = [] if point["pin"] else [*(point.get("via") or ()), point["target"]]
        trajectory = tuple((float(x) + offset[0], float(y) + offset[1]) for x, y in [point["handle"], *goals])
        (start_x, start_y), (end_x, end_y) = point["handle"], point["end"]
        return cls(trajectory, (0.0, 0.0) if point["pin"] else (end_x - start_x, end_y - start_y))

    def gone_on(self) -> LastDrag:
        """Return the same drag from where the last one ended."""
        x, y = self.moved
        return LastDrag(tuple((point[0] + x, point[1] + y) for point in self.trajectory))


def to_text(drags: Sequence[LastDrag]) -> str:
    """Return the drags as the argument has them: JSON, for each its points [x, y]."""
    return json.dumps([drag.trajectory for drag in drags])


def strokes_of(text: str) -> list[Stroke]:
    """Read the argument: a stroke for each drag. Raises UserError."""
    try:
        strokes = [Stroke(tuple((float(x), float(y)) for x, y in points)) for points in json.loads(text)]
        if not all(math.isfinite(number) for stroke in strokes for point in stroke.anchors for number in point):
            raise ValueError("not finite")
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(
            _("The argument drags cannot be read; give the points of each drag, [[[x, y], [x, y]], ...].")
        ) from error
    return strokes


def moved_anchors(points: Sequence[float], drags: Sequence[LastDrag]) -> list[float]:
    """Move each anchor of a stroke that is a point of a drag along with what lay under the drag's handle.

    Args:
        points: GIMP's flat list, six numbers for each anchor with its control points.
    """
    moved = list(map(float, points))
    for start in range(0, len(moved) - 5, 6):
        anchor = moved[start + 2], moved[start + 3]
        for drag in drags:
            if any(math.dist(anchor, point) < SAME for point in drag.trajectory):
                for number in range(6):
                    moved[start + number] += drag.moved[number % 2]
                break
    return moved
