"""Path strokes become drags: first anchor = handle, last = target, those between are passed in order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from backend.errors import UserError
from core.i18n import _, ngettext

Point = tuple[float, float]
Anchors = Literal["way-points", "separate"]  # what the anchors between the first and the last one mean

HOW_TO = _("with the Paths tool, click the point to drag, then where it should go; Shift+click starts the next drag")
MOST_DRAGS = 128  # as many as the backend takes
MOST_WAY_POINTS = 128
SAME_SPOT = 1.0  # pixels; nearer handles would pull the same thing to different places
FLATNESS = 1 / 256  # of the layer's longer side: how far way-points may cut a curve short


class Stroke(NamedTuple):
    """One component of a path.

    Args:
        anchors: (x, y) in pixels of the image, (0, 0) = its top left corner.
        closed: whether the last anchor is joined to the first.
        controls: for each segment the two control points of its Bezier curve; none at all for straight segments.
    """

    anchors: tuple[Point, ...]
    closed: bool = False
    controls: tuple[tuple[Point, Point], ...] = ()

    def part(self, start: int, end: int) -> Stroke:
        """Return the open stroke from one anchor to another, both included."""
        return Stroke(self.anchors[start : end + 1], controls=self.controls[start:end])


class Drag(NamedTuple):
    """One drag in pixels of the layer, (x, y), (0, 0) = its top left corner.

    Args:
        via: way-points; without them, handle == target is a pin.
    """

    handle: Point
    target: Point
    via: tuple[Point, ...] = ()

    @property
    def is_pin(self) -> bool:
        """Whether the point is only to be held where it is."""
        return self.handle == self.target and not self.via

    @property
    def trajectory(self) -> tuple[Point, ...]:
        """Handle, way-points and target, in this order."""
        return (self.handle, *self.via, self.target)

    def to_json(self) -> dict[str, object]:
        """Return what the protocol wants: lists, ready for JSON."""
        return {
            "handle": list(self.handle),
            "target": list(self.target),
            "via": [list(point) for point in self.via],
        }


def stroke_of(points: Sequence[float], closed: bool) -> Stroke:
    """Make a stroke of GIMP's flat list.

    Args:
        points: six numbers for each anchor: in.x in.y ANCHOR.x ANCHOR.y out.x out.y.
    """
    before, anchors, after = (
        [(float(points[i + k]), float(points[i + k + 1])) for i in range(0, len(points) - 5, 6)] for k in (0, 2, 4)
    )
    return Stroke(tuple(anchors), closed, tuple(zip(after[:-1], before[1:], strict=True)))


def pair_up(handles: Sequence[Stroke], targets: Sequence[Stroke]) -> list[Stroke]:
    """Make strokes from each anchor of one path to the anchor of the same number of the other.

    Raises:
        UserError: they have different numbers of anchors.
    """
    starts, ends = ([point for stroke in path for point in stroke.anchors] for path in (handles, targets))
    if len(starts) != len(ends):
        raise UserError(
            _(
                "The path Handles has {handles} and the path Targets {targets}; give every handle one target, in the "
                "same order."
            ).format(handles=_anchors(len(starts)), targets=_anchors(len(ends)))
        )
    return [Stroke((start,) if start == end else (start, end)) for start, end in zip(starts, ends, strict=True)]


def has_choice(strokes: Sequence[Stroke]) -> bool:
    """Whether some stroke can be read as one drag or as several: it has as many anchors as two or more drags."""
    return any(_is_even(stroke) for stroke in strokes)


def drags_from_strokes(
    strokes: Sequence[Stroke], offset: tuple[int, int], size: tuple[int, int], anchors: Anchors = "way-points"
) -> list[Drag]:
    """Turn strokes into drags.

    Args:
        strokes: in pixels of the image.
        offset: (x, y) of the layer in the image.
        size: (width, height) of the layer.
        anchors: whether a stroke of 2n anchors is one drag with way-points or n separate drags.

    Raises:
        UserError: no stroke, a closed one, a point outside the layer, a length of zero, nothing but pins, two handles
            on one spot, too many drags.
    """
    strokes = [stroke for stroke in strokes if stroke.anchors]
    if not strokes:
        raise UserError(_("There is no path to drag along; draw one first: {how_to}.").format(how_to=HOW_TO))
    if anchors == "separate":
        strokes = [part for stroke in strokes for part in _separate(stroke)]
    if len(strokes) > MOST_DRAGS:
        raise UserError(
            _(
                "The paths ask for {count} drags at once, and {most} are possible; select fewer paths, or drag in "
                "several turns."
            ).format(count=len(strokes), most=MOST_DRAGS)
        )
    drags = [_drag(stroke, offset, size) for stroke in strokes]
    if all(drag.is_pin for drag in drags):
        raise UserError(
            _("The path has single anchors only, which hold points in place; draw a drag as well: {how_to}.").format(
                how_to=HOW_TO
            )
        )
    _refuse_one_spot(drags, strokes)
    return drags


def _is_even(stroke: Stroke) -> bool:
    return len(stroke.anchors) >= 4 and len(stroke.anchors) % 2 == 0


def _separate(stroke: Stroke) -> list[Stroke]:
    """Part a stroke drawn in one go into one for each two anchors; one that cannot be read so stays as it is."""
    if stroke.closed or not _is_even(stroke):
        return [stroke]
    return [stroke.part(i, i + 1) for i in range(0, len(stroke.anchors), 2)]


def _drag(stroke: Stroke, offset: tuple[int, int], size: tuple[int, int]) -> Drag:
    if stroke.closed:
        raise UserError(
            _("The path is closed and so has no target; draw an open path from the point to where it should go.")
        )
    for point in stroke.anchors:
        _refuse_outside(point, offset, size)
    points = [(x - offset[0], y - offset[1]) for x, y in _flatten(stroke, FLATNESS * max(size))]
    if len(points) > 1 and len(set(points)) == 1:
        x, y = stroke.anchors[0]
        raise UserError(
            _("The path at {x:.0f}, {y:.0f} has no length; move its last anchor to where the point should go.").format(
                x=x, y=y
            )
        )
    via = tuple(point for point in points[1:-1] if _is_inside(point, size))  # a curve may bulge over the edge
    return Drag(points[0], points[-1], via)


def _flatten(stroke: Stroke, flatness: float) -> list[Point]:
    """Return the anchors, and between them as many points of the curves as it takes to stay near them.

    Args:
        flatness: pixels, at most so far from the curve; more where there would be too many points.
    """
    if len(stroke.anchors) > MOST_WAY_POINTS + 2:
        raise UserError(
            _("A path has {count} anchors, and {most} are possible; remove some of them.").format(
                count=len(stroke.anchors), most=MOST_WAY_POINTS + 2
            )
        )
    points = [stroke.anchors[0]]
    straight = list(itertools.pairwise(stroke.anchors))
    for (start, end), (leaving, coming) in zip(straight, stroke.controls or straight, strict=True):
        points += _flatten_curve(start, leaving, coming, end, flatness)
    return points if len(points) <= MOST_WAY_POINTS + 2 else _flatten(stroke, 2 * flatness)


def _flatten_curve(start: Point, leaving: Point, coming: Point, end: Point, flatness: float) -> list[Point]:
    """Return points of a cubic Bezier curve after its start, the last one its end; just that when it is straight."""
    if _on_line(start, leaving, end) and _on_line(start, coming, end):
        return [end]
    # n chords stay within max |B''| / (8 n^2) of the curve B, and |B''| is at most six times this.
    second = max(
        math.dist((start[0] + coming[0], start[1] + coming[1]), (2 * leaving[0], 2 * leaving[1])),
        math.dist((leaving[0] + end[0], leaving[1] + end[1]), (2 * coming[0], 2 * coming[1])),
    )
    pieces = max(1, math.ceil(math.sqrt(0.75 * second / flatness)))
    return [_bezier(start, leaving, coming, end, k / pieces) for k in range(1, pieces)] + [end]


def _on_line(start: Point, point: Point, end: Point) -> bool:
    """Whether a control point lies between the ends, where it does not bend the curve."""
    length = math.dist(start, end)
    return math.dist(start, point) + math.dist(point, end) <= length + 1e-6 * (1 + length)


def _bezier(start: Point, leaving: Point, coming: Point, end: Point, t: float) -> Point:
    """Return the point of a cubic Bezier curve at `t`, 0 to 1."""
    a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    x, y = (a * start[k] + b * leaving[k] + c * coming[k] + d * end[k] for k in (0, 1))
    return x, y


def _is_inside(point: Point, size: tuple[int, int]) -> bool:
    return 0 <= point[0] < size[0] and 0 <= point[1] < size[1]


def _refuse_outside(point: Point, offset: tuple[int, int], size: tuple[int, int]) -> None:
    if not _is_inside((point[0] - offset[0], point[1] - offset[1]), size):
        raise UserError(
            _(
                "The path's anchor at {x:.0f}, {y:.0f} lies outside the layer; move it onto the layer, or select the "
                "layer that the path is meant for."
            ).format(x=point[0], y=point[1])
        )


def _refuse_one_spot(drags: Sequence[Drag], strokes: Sequence[Stroke]) -> None:
    for number, drag in enumerate(drags):
        if any(math.dist(drag.handle, other.handle) < SAME_SPOT for other in drags[:number]):
            x, y = strokes[number].anchors[0]
            raise UserError(
                _("Two paths start at {x:.0f}, {y:.0f}; remove one of them, since a point can go one way only.").format(
                    x=x, y=y
                )
            )


def describe(drags: Sequence[Drag], has_selection: bool) -> str:
    """Say for the dialog what was found: '2 drags and 1 pin. The selection limits the change.'"""
    pins = sum(drag.is_pin for drag in drags)
    count = len(drags) - pins
    found = ngettext("{count} drag", "{count} drags", count).format(count=count)
    if pins:
        held = ngettext("{count} pin", "{count} pins", pins).format(count=pins)
        found = _("{drags} and {pins}").format(drags=found, pins=held)
    limit = _("The selection limits the change.") if has_selection else _("No selection: everything may move.")
    return f"{found}. {limit}"


def _anchors(count: int) -> str:
    return ngettext("{count} anchor", "{count} anchors", count).format(count=count)
