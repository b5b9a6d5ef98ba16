"""All that a drag needs of the artist's image, read at one moment, and its files for the backend."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from backend.client import DragRequest, png
from backend.errors import UserError
from core import job
from core.drags import Anchors, Drag, Stroke, drags_from_strokes, has_choice
from core.i18n import _
from gimp import edit_parasite, paths, source_layer
from gimp.edit_parasite import EditParasite, fingerprint
from gimp.result_layer import Insertion
from gimp.source_layer import SourceLayer, require_in

log = logging.getLogger("draggan")


@dataclass(frozen=True)
class Canvas:
    """A layer with what is drawn and selected on it.

    Args:
        source: the layer and its pixels.
        strokes: of the paths that are meant, in pixels of the image.
        problem: why the paths cannot be read, None where they can.
        selection: one channel of the size of the source, white = may move; None when nothing is selected.
        parasite: the edit that the layer carries.
        has_result: whether the layer was dragged before, and what came of it is seen.
    """

    source: SourceLayer
    strokes: Sequence[Stroke]
    problem: UserError | None
    selection: png.Pixels | None
    parasite: EditParasite
    has_result: bool

    @classmethod
    def read(cls, image: Gimp.Image, layer: Gimp.Layer) -> Canvas:
        """Look at the layer and its image, which stay as they are.

        Raises:
            UserError: the layer was deleted, the selection lies outside the layer.
        """
        require_in(image, layer)
        source, strokes, problem = SourceLayer.of(image, layer), [], None
        try:
            strokes = paths.read_strokes(image)
        except UserError as error:
            problem = error
        selection, has_result = source.read_selection(image), edit_parasite.has_result(image, source)
        return cls(source, strokes, problem, selection, EditParasite.of(source), has_result)

    @property
    def has_choice(self) -> bool:
        """Whether some path can be read as one drag or as several."""
        return has_choice(self.strokes)

    def drags(self, anchors: Anchors) -> list[Drag]:
        """Return the drags that the paths mean. Raises UserError where there are none."""
        if self.problem:
            raise self.problem
        return drags_from_strokes(self.strokes, self.source.offset, self.source.size, anchors)

    @property
    def is_drawn_on(self) -> bool:
        """Whether there is a path, or what was meant to be one."""
        return self.problem is not None or any(stroke.anchors for stroke in self.strokes)


@dataclass(frozen=True)
class Subject:
    """What is sent to the backend of a canvas, and remembered for its result.

    Args:
        pixels: a checksum of the layer's.
        file: the layer's pixels; `mask`: the selection; `edit` and `original`: what the layer carries.
    """

    canvas: Canvas
    insertion: Insertion
    pixels: str
    file: Path
    mask: Path | None
    edit: Path | None
    original: Path | None

    @classmethod
    def write(cls, image: Gimp.Image, canvas: Canvas, downloads: Path) -> Subject:
        """Copy the pixels, and write them and the layer's edit into a folder of their own.

        Args:
            downloads: where that folder comes.

        Raises:
            UserError: the layer was deleted, or cannot give place to its result.
        """
        folder = Path(tempfile.mkdtemp(dir=downloads))
        source, parasite = canvas.source, canvas.parasite
        snapshot, file = source.snapshot(), folder / "layer.png"
        as_patch = source_layer.write_png(snapshot, file) and source.can_be_covered(parasite.own_mask)
        if not as_patch:
            source.require_hideable()
        mask = job.write_mask(canvas.selection, folder)
        insertion = Insertion(source, snapshot, as_patch, parasite.own_mask, parasite.origin)
        return cls(canvas, insertion, fingerprint(source.native), file, mask, *parasite.write(image, folder))

    def request(self, drags: Sequence[Drag], options: Mapping[str, object]) -> DragRequest:
        """Return what is asked of the backend.

        Raises:
            UserError: the options do not fit to the image.
        """
        if options["region"] == "selection" and self.canvas.selection is None:
            raise UserError(
                _("Nothing is selected to work around; select the subject, or choose the whole layer as the region.")
            )
        options = {**options, "result": "patch" if self.insertion.as_patch else "whole"}
        asked = [drag.to_json() for drag in drags]
        log.info("asked: %s", {"drags": asked, **options})
        return DragRequest(self.file, self.mask, asked, options, self.edit, self.original)

    def at(self, offset: tuple[int, int]) -> Subject:
        """Return it with the layer at another place of its image."""
        source = replace(self.canvas.source, offset=offset)
        return replace(
            self, canvas=replace(self.canvas, source=source), insertion=replace(self.insertion, source=source)
        )
