"""The layer that is dragged on: which kinds are taken, and its pixels as the artist sees them.

A buffer knows nothing of its layer's filters, and that of a group cannot be trusted: with a filter that reaches
beyond its layer in it, reading it kills the plug-in (GIMP 3.0.4 and 3.2.6). Both are read from a merged copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp

from backend.client import Box, png
from backend.errors import UserError
from core.i18n import _

SRGB = "R'G'B'A u8"  # what the backend works in, whatever the image's precision and profile are
FINE_SRGB = "R'G'B'A u16"
OPAQUE_SRGB = "R'G'B' u8"
NONE = Gegl.AbyssPolicy.NONE
STRIP = 128  # rows at a time, as many as a tile of GEGL has: more would need more memory
NORMAL = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)
MASK = "Y u8"  # selections and masks are linear in GIMP: the primed format changes their numbers
DELETED = _("The layer was deleted or its image closed; select a layer and run the filter again.")
CLOSED = _("The image was closed during the drag: the result is lost; run the filter again.")


def init_buffers() -> None:
    """Make buffers usable; call once before anything else in here."""
    Gegl.init(None)


@dataclass(frozen=True)
class SourceLayer:
    """A layer and what is seen of it, without its own mask, opacity and mode.

    Args:
        layer: the layer in the artist's image, or a group.
        name: of the layer; like tattoo, kept for when the layer is deleted.
        tattoo: by which GIMP finds the layer in its image, also in a saved one.
        native: its pixels in the image's own precision and profile, filters applied.
        offset: (x, y) of the top left corner of these pixels in the image.
        size: (width, height); a filter can make them larger than the layer.
    """

    layer: Gimp.Layer
    name: str
    tattoo: int
    native: Gegl.Buffer
    offset: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def of(cls, image: Gimp.Image, layer: Gimp.Layer) -> SourceLayer:
        """Look at the layer; `image` stays as it is."""
        known = layer, layer.get_name(), layer.get_tattoo()
        if not (layer.is_group() or layer.get_filters()):
            return cls(*known, layer.get_buffer(), offset_of(layer), size_of(layer))
        copy = image.duplicate()
        try:
            twin = copy_of(layer, image.get_layers(), copy.get_layers())
            if twin.is_group():
                twin = twin.merge()
            else:
                twin.merge_filters()
            return cls(*known, twin.get_buffer().dup(), offset_of(twin), size_of(twin))
        finally:
            copy.delete()

    def snapshot(self) -> Gegl.Buffer:
        """Copy the pixels as they are now, FINE_SRGB: what the backend's change is added to.

        Raises:
            UserError: the layer was deleted.
        """
        if not self.layer.is_valid():
            raise UserError(DELETED)
        fine = Gegl.Buffer.new(FINE_SRGB, 0, 0, *self.size)
        self.native.copy(self.area, NONE, fine, self.area)
        return fine

    @property
    def area(self) -> Gegl.Rectangle:
        """All of the pixels."""
        return Gegl.Rectangle.new(0, 0, *self.size)

    def can_be_covered(self, own_mask: bool) -> bool:
        """Whether an opaque layer above this one, where it is opaque, hides all that is seen of it.

        Args:
            own_mask: whether its mask is of our making, and only leaves out what is the same below.
        """
        layer = self.layer
        masked = layer.get_mask() is not None and layer.get_apply_mask() and not own_mask
        # A group that lets its layers through to those below is merged to be read: it is a normal one then.
        normal = layer.is_group() or layer.get_mode() in NORMAL
        return layer.get_visible() and layer.get_opacity() == 100 and normal and not masked

    def require_hideable(self) -> None:
        """Raise UserError when the layer could not be hidden to make place for its result: GIMP would silently not."""
        if self.layer.get_visible() and self.layer.get_lock_visibility():
            raise UserError(
                _(
                    "The result has to stand in the layer's place, but the layer's visibility is locked; "
                    "unlock it in the Layers dialog."
                )
            )

    def read_selection(self, image: Gimp.Image) -> png.Pixels | None:
        """Read the selection over these pixels.

        Returns:
            One channel, white = may move; None when nothing is selected.

        Raises:
            UserError: there is a selection, but it does not touch them.
        """
        if Gimp.Selection.is_empty(image):
            return None
        area = Gegl.Rectangle.new(*self.offset, *self.size)
        data = bytes(image.get_selection().get_buffer().get(area, 1.0, MASK, NONE))
        if data.count(0) == len(data):
            raise UserError(
                _("The selection lies outside the layer, so nothing may move; select a part of it, or nothing.")
            )
        return png.Pixels(*self.size, 1, data)

    def thumbnail(self, longest: int) -> png.Pixels:
        """Return the pixels, RGB, made smaller so that the longer side has at most `longest`."""
        return thumbnail(self.native, (0, 0, *self.size), longest)


def thumbnail(pixels: Gegl.Buffer, box: Box, longest: int) -> png.Pixels:
    """Return a box of the pixels, RGB, made smaller so that the longer side has at most `longest`."""
    x, y, width, height = box
    scale = min(1.0, longest / max(width, height))
    small = max(1, int(width * scale)), max(1, int(height * scale))
    place = Gegl.Rectangle.new(int(x * scale), int(y * scale), *small)  # counted in pixels of the smaller image
    return png.Pixels(*small, 3, bytes(pixels.get(place, scale, OPAQUE_SRGB, Gegl.AbyssPolicy.CLAMP)))


def require_layer(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    """Return the one layer to work on.

    Args:
        drawables: what is selected.

    Raises:
        UserError: it cannot be dragged on; the text says what to do.
    """
    if not drawables:
        raise UserError(_("Select exactly one layer to drag on; none is selected."))
    if len(drawables) > 1:
        raise UserError(_("Select exactly one layer to drag on; {count} are selected.").format(count=len(drawables)))
    layer = drawables[0]
    if not isinstance(layer, Gimp.Layer):
        raise UserError(_("Select the layer itself in the Layers dialog, not its mask or a channel."))
    if image.get_floating_sel() is not None:
        raise UserError(_("There is a floating selection; anchor it or make it a layer (Layer menu) first."))
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise UserError(
            _("An indexed image has too few colours to drag in; convert it with Image > Mode > RGB or Grayscale first.")
        )
    if layer.is_group() and not layer.get_children():
        raise UserError(_("The layer group is empty; put a layer into it, or select another layer."))
    return layer


def is_in(image: Gimp.Image, layer: Gimp.Layer) -> bool:
    """Whether the image is still open and the layer still in it.

    A layer that was deleted or taken away by undo can be valid to GIMP: undo or redo could bring it back.
    """
    return image.is_valid() and layer.is_valid() and _holds(image.get_layers(), layer)


def require_in(image: Gimp.Image, layer: Gimp.Layer) -> None:
    """Raise UserError when the image was closed or the layer is not in it any more."""
    if not is_in(image, layer):
        raise UserError(DELETED)


def require_open(image: Gimp.Image) -> None:
    """Raise UserError when the image was closed during the drag."""
    if not image.is_valid():
        raise UserError(CLOSED)


def _holds(layers: Sequence[Gimp.Layer], layer: Gimp.Layer) -> bool:
    return any(
        one.get_id() == layer.get_id() or (one.is_group() and _holds(one.get_children(), layer)) for one in layers
    )


def offset_of(layer: Gimp.Layer) -> tuple[int, int]:
    """Return (x, y) of the layer's top left corner in the image."""
    _, x, y = layer.get_offsets()
    return x, y


def size_of(layer: Gimp.Layer) -> tuple[int, int]:
    """Return (width, height) in pixels."""
    return layer.get_width(), layer.get_height()


def write_png(pixels: Gegl.Buffer, file: Path, area: Gegl.Rectangle | None = None) -> bool:
    """Write a snapshot, or an area of it, as PNG, RGBA of 8 bits.

    Returns:
        Whether all of it is opaque.
    """
    extent, opaque = area or pixels.get_extent(), True

    def rows() -> Iterator[bytes]:
        nonlocal opaque
        for strip in strips(pixels, extent, SRGB):
            alpha = strip[3::4]
            opaque = opaque and alpha.count(255) == len(alpha)
            yield strip

    png.write(file, extent.width, extent.height, 4, rows())
    return opaque


def strips(buffer: Gegl.Buffer, area: Gegl.Rectangle, pixel_format: str | None) -> Iterator[bytes]:
    """Yield the pixels of an area, some rows at a time from the top: all would take gigabytes.

    Args:
        pixel_format: of Babl; None for their own.
    """
    for top in range(0, area.height, STRIP):
        rows = Gegl.Rectangle.new(area.x, area.y + top, area.width, min(STRIP, area.height - top))
        yield bytes(buffer.get(rows, 1.0, pixel_format, NONE))


def copy_of(layer: Gimp.Layer, originals: Sequence[Gimp.Layer], copies: Sequence[Gimp.Layer]) -> Gimp.Layer:
    """Return the layer of a copied image that stands where `layer` stands in the original; raises LookupError."""
    for original, copy in zip(originals, copies, strict=True):
        if original.get_id() == layer.get_id():
            return copy
        if original.is_group():
            try:
                return copy_of(layer, original.get_children(), copy.get_children())
            except LookupError:
                continue
    raise LookupError(layer.get_name())
