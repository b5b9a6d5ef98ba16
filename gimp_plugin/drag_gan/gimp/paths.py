"""Which paths of an image are meant, and their strokes."""

from __future__ import annotations

from collections.abc import Sequence

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from core.drags import Stroke, pair_up, stroke_of
from core.last_drags import LastDrag, moved_anchors

HANDLES, TARGETS = "handles", "targets"  # two paths of these names belong together, in any spelling


def read_strokes(image: Gimp.Image) -> list[Stroke]:
    """Read the strokes of the selected paths, or of the only path, or pair, of the image when none is selected.

    The anchors of two paths named Handles and Targets are matched in their order; it is enough to select one of
    the two.

    Returns:
        The strokes, in pixels of the image.

    Raises:
        UserError: the two have different numbers of anchors.
    """
    chosen, pair = _chosen(image)
    if len(pair) < 2 or not _share(chosen, pair):
        return _strokes(chosen)
    others = [path for path in chosen if not _share([path], pair)]
    return pair_up(_strokes(pair[:1]), _strokes(pair[1:])) + _strokes(others)


def move(image: Gimp.Image, drags: Sequence[LastDrag]) -> None:
    """Move the anchors of these paths along with what was dragged; whoever calls makes it one undo step."""
    chosen, pair = _chosen(image)
    for path in [*chosen, *(pair if _share(chosen, pair) else [])]:
        strokes = [(stroke, *path.stroke_get_points(stroke)) for stroke in path.get_strokes()]
        moved = [moved_anchors(points, drags) for _, _, points, _ in strokes]
        if any(before != list(points) for before, (_, _, points, _) in zip(moved, strokes, strict=True)):
            for points, (stroke, kind, _, closed) in zip(moved, strokes, strict=True):  # all, to keep their order
                path.remove_stroke(stroke)
                path.stroke_new_from_points(kind, points, closed)


def _chosen(image: Gimp.Image) -> tuple[list[Gimp.Path], list[Gimp.Path]]:
    """Return the paths that are meant, and the pair Handles and Targets, or what there is of it."""
    named = {path.get_name().strip().lower(): path for path in reversed(image.get_paths())}
    pair = [named[name] for name in (HANDLES, TARGETS) if name in named]
    chosen = image.get_selected_paths()
    if not chosen and len(image.get_paths()) in (1, len(pair)):
        chosen = image.get_paths()
    return chosen, pair


def _share(some: Sequence[Gimp.Path], others: Sequence[Gimp.Path]) -> bool:
    return bool({path.get_id() for path in some} & {path.get_id() for path in others})


def _strokes(paths: Sequence[Gimp.Path]) -> list[Stroke]:
    strokes = []
    for path in paths:
        for stroke in path.get_strokes():
            _, points, closed = path.stroke_get_points(stroke)
            strokes.append(stroke_of(points, closed))
    return strokes
