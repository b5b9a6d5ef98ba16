"""Drag Again: which drags are meant when the filter is repeated, and what of a drag is remembered for that."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from backend.client import Result
from core import last_drags
from core.drags import Drag, drags_from_strokes
from core.last_drags import LastDrag
from gimp import paths
from gimp.canvas import Canvas

# GIMP's, until it is quit. What it remembers itself of a filter's last run is that with a dialog, not a repeated one.
PARASITE = "draggan-last-drags"


def meant(canvas: Canvas, run_mode: Gimp.RunMode, config: Gimp.ProcedureConfig) -> list[Drag]:
    """Return the drags of a script's argument or of the paths; the last ones where the filter is repeated without both.

    Raises:
        UserError: there are none, or they cannot be dragged on this layer.
    """
    text = config.get_property("drags")
    if not text and run_mode == Gimp.RunMode.WITH_LAST_VALS and not canvas.is_drawn_on:
        parasite = Gimp.get_parasite(PARASITE)
        text = bytes(parasite.get_data()).decode() if parasite else ""
    if not text:
        return canvas.drags(config.get_property("anchors"))
    return drags_from_strokes(last_drags.strokes_of(text), canvas.source.offset, canvas.source.size)


def remember(result: Result, offset: tuple[int, int], go_on: bool) -> list[LastDrag]:
    """Remember the drags of a result, and return them.

    Args:
        offset: (x, y) in the image of the layer that was dragged on.
        go_on: whether they are to begin where they ended.
    """
    drags = [LastDrag.of_report(point, offset) for point in result.report.get("points") or ()]
    text = last_drags.to_text([drag.gone_on() for drag in drags] if go_on else drags)
    Gimp.attach_parasite(Gimp.Parasite.new(PARASITE, 0, text.encode()))
    return drags


def go_on(image: Gimp.Image, drags: list[LastDrag], layer: Gimp.Layer) -> None:
    """Let a repeated drag begin on the new layer where the last one ended."""
    paths.move(image, drags)
    image.set_selected_layers([layer])
