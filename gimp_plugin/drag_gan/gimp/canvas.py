"""All that a drag needs of the artist's image, read at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from backend.client import png
from core import sketch
from core.drags import Stroke, drags_from_strokes
from gimp import paths
from gimp.edit_parasite import EditParasite
from gimp.source_layer import SourceLayer, require_in


@dataclass(frozen=True)
class Canvas:
    """A layer with what is drawn and selected on it.

    Args:
        source: the layer and its pixels.
        strokes: of the paths that are meant, in pixels of the image.
        selection: one channel of the size of the source, white = may move; None when nothing is selected.
        parasite: the edit that the layer carries.
    """

    source: SourceLayer
    strokes: list[Stroke]
    selection: png.Pixels | None
    parasite: EditParasite

    @classmethod
    def read(cls, image: Gimp.Image, layer: Gimp.Layer) -> Canvas:
        """Look at the layer and its image, which stay as they are.

        Raises:
            UserError: the layer was deleted, the paths cannot be dragged along, the selection lies outside the layer.
        """
        require_in(image, layer)
        source = SourceLayer.of(image, layer)
        strokes = paths.read_strokes(image)
        drags_from_strokes(strokes, source.offset, source.size)  # whoever has to draw anew should see no dialog first
        return cls(source, strokes, source.read_selection(image), EditParasite.of(source))

    def sketch(self) -> sketch.Sketch:
        """Return what the dialog draws, which does not change with the image."""
        image = self.source.thumbnail(sketch.LONGEST_SIDE)
        mask = sketch.shrunk(self.selection, (image.width, image.height)) if self.selection else None
        box = sketch.box_around(self.selection)
        return sketch.Sketch(image, mask, self.strokes, self.source.offset, self.source.size, box)
