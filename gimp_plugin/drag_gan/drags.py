"""Path strokes become drags: first anchor = handle, last = target, those between are passed in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from problems import Problem

Point = tuple[float, float]

HOW_TO = "with the Paths tool, click the point to drag, then where it should go; Shift+click starts the next drag"


class Stroke(NamedTuple):
    """One component of a path: its anchors (x, y) in image pixels, (0, 0) being the top left corner."""

    anchors: tuple[Point, ...]
    closed: bool = False


class Drag(NamedTuple):
    """One drag in layer pixels, (0, 0) = the top left corner. Without `via`, handle == target is a pin."""

    handle: Point
    target: Point
    via: tuple[Point, ...] = ()

    @property
    def is_pin(self) -> bool:
        """Whether the point is only to be held where it is."""
        return self.handle == self.target and not self.via

    def to_wire(self) -> dict[str, object]:
        """As the backend wants it: lists, ready for JSON."""
        return {
            "handle": list(self.handle),
            "target": list(self.target),
            "via": [list(point) for point in self.via],
        }


def anchors_of(points: Sequence[float]) -> tuple[Point, ...]:
    """The anchors of GIMP's flat list, six numbers each: in.x in.y ANCHOR.x ANCHOR.y out.x out.y."""
    return tuple((float(points[i + 2]), float(points[i + 3])) for i in range(0, len(points) - 5, 6))


def drags_from_strokes(strokes: Sequence[Stroke], offset: tuple[int, int], size: tuple[int, int]) -> list[Drag]:
    """The drags that the strokes ask for.

    Args: strokes in image pixels; offset (x, y) of the layer in the image; size (width, height) of the layer.
    Raises Problem: no stroke, a closed one, a point outside the layer, a length of zero, nothing but pins.
    """
    if not any(stroke.anchors for stroke in strokes):
        raise Problem(f"There is no path to drag along; draw one first: {HOW_TO}.")
    drags = [_drag(stroke, offset, size) for stroke in strokes if stroke.anchors]
    if all(drag.is_pin for drag in drags):
        raise Problem(f"The path has single anchors only, which hold points in place; draw a drag as well: {HOW_TO}.")
    return drags


def _drag(stroke: Stroke, offset: tuple[int, int], size: tuple[int, int]) -> Drag:
    if stroke.closed:
        raise Problem(
            "The path is closed and so has no target; draw an open path from the point to where it should go."
        )
    for point in stroke.anchors:
        _refuse_outside(point, offset, size)
    points = [(x - offset[0], y - offset[1]) for x, y in stroke.anchors]
    if len(points) > 1 and len(set(points)) == 1:
        x, y = stroke.anchors[0]
        raise Problem(f"The path at {x:.0f}, {y:.0f} has no length; move its last anchor to where the point should go.")
    return Drag(points[0], points[-1], tuple(points[1:-1]))


def _refuse_outside(point: Point, offset: tuple[int, int], size: tuple[int, int]) -> None:
    x, y = point[0] - offset[0], point[1] - offset[1]
    if not (0 <= x < size[0] and 0 <= y < size[1]):
        raise Problem(
            f"The path's anchor at {point[0]:.0f}, {point[1]:.0f} lies outside the layer; "
            "move it onto the layer, or select the layer that the path is meant for."
        )


def describe(drags: Sequence[Drag], has_selection: bool) -> str:
    """What was found, for the dialog: '2 drags and 1 pin. The selection limits the change.'"""
    pins = sum(drag.is_pin for drag in drags)
    parts = [_count(len(drags) - pins, "drag"), _count(pins, "pin")]
    found = " and ".join(part for part in parts if part)
    limit = "The selection limits the change." if has_selection else "No selection: everything may move."
    return f"{found}. {limit}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
