"""The layer of the drag window, which stays an artist's: what has changed of it in GIMP meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from backend.client import Box, Result, png
from backend.errors import UserError
from core import may_move
from core.drags import Anchors, Drag
from core.i18n import _, translated
from gimp.canvas import Canvas, Subject
from gimp.edit_parasite import fingerprint

DRAGGED_BEFORE = _("This layer was dragged before. To go on from the result, cancel and select the layer above it.")

log = logging.getLogger("draggan.drag_source")


class Changes(NamedTuple):
    """What is another than before."""

    paths: bool = False
    selection: bool = False
    pixels: bool = False


class Kept(NamedTuple):
    """What the artist kept.

    Args:
        subject: that it was made of.
        mask: what was painted in the window, of the layer's size; None where nothing was.
        as_frames: whether the whole way is wanted, instead of one layer of its end.
        new_image: whether that is to be a new image.
    """

    subject: Subject
    result: Result
    mask: png.Pixels | None
    as_frames: bool
    new_image: bool


class DragSource:
    """A layer with what is drawn and selected on it.

    Args:
        canvas: as it is now.
        look: reads it anew.
        write: makes of it what the backend is sent.

    Attributes:
        subject: what the backend is sent of it.
    """

    def __init__(self, canvas: Canvas, look: Callable[[], Canvas], write: Callable[[Canvas], Subject]) -> None:
        self._canvas, self._look, self._write = canvas, look, write
        self.subject = write(canvas)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the layer."""
        return self._canvas.source.size

    @property
    def has_choice(self) -> bool:
        """Whether the paths can be read in two ways."""
        return self._canvas.has_choice

    @property
    def remark(self) -> str:
        """What the layer carries, or that another one does, in a sentence; or nothing."""
        return self._canvas.parasite.remark or (DRAGGED_BEFORE if self._canvas.has_result else "")

    @property
    def model(self) -> str:
        """The model that the layer names, or nothing."""
        return self._canvas.parasite.model

    @property
    def selected(self) -> Box | None:
        """The box around what is selected."""
        return may_move.box_around(self._canvas.selection)

    @property
    def selection(self) -> png.Pixels | None:
        """What is selected, small; None: nothing is."""
        selection = self._canvas.selection
        return may_move.shrunk(selection) if selection else None

    def drags(self, anchors: Anchors) -> tuple[list[Drag], str]:
        """Return the drags of the paths, and what is wrong with these in a sentence, if anything is."""
        if not self._canvas.is_drawn_on:
            return [], ""
        try:
            return self._canvas.drags(anchors), ""
        except UserError as error:
            return [], translated(error)

    def look_again(self) -> Changes:
        """Take over what has changed in GIMP: nothing where the layer has gone, for what was pulled can be kept."""
        before = self._canvas
        try:
            canvas = self._look()
            painted = fingerprint(canvas.source.native) != self.subject.pixels
            if painted or canvas.selection != before.selection:
                self.subject = self._write(canvas)
        except UserError as error:
            log.info("looked again: %s", error)
            return Changes()
        self._canvas = canvas
        problem = str(before.problem) != str(canvas.problem)
        moved = (before.strokes, before.source.offset) != (canvas.strokes, canvas.source.offset)
        return Changes(problem or moved, before.selection != canvas.selection, painted)
