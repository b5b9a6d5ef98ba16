"""The subject as it moves, in the artist's image: a layer that is there as long as the drag window is.

No undo step tells of it, and an image that was as saved stays so: afterwards it is as if it had never been there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gimp", "3.0")
from gi.repository import GdkPixbuf, Gegl, Gimp, GLib

from backend.client import Box, png
from core.changed_box import both, changed_box
from core.i18n import _
from gimp.result_layer import TYPES, Insertion
from gimp.source_layer import SRGB, is_in
from gimp.widgets import to_pixbuf

PARASITE = "draggan-live"  # by which such a layer is known; it is not saved
EVERY = 0.08  # seconds from one picture to the next, at least
SHARE = 0.3  # of the time, at most: a large layer is shown less often, and the window stays as quick

log = logging.getLogger("draggan.live_layer")


class LiveLayer:
    """Shows in the image what moves, above the layer that is dragged on."""

    def __init__(self, image: Gimp.Image) -> None:
        self._image = image
        self._newest: tuple[Insertion, png.Pixels, Box] | None = None
        self._layer: Gimp.Layer | None = None
        self._region: Box | None = None  # of the layer that is dragged on, which `_layer` covers
        self._written: Box | None = None  # of `_layer`, in which it is not transparent
        self._unwanted = False  # the artist has deleted it, or it cannot be
        self._waiting, self._due, self._count = 0, 0.0, 0

    def show(self, insertion: Insertion, picture: png.Pixels, region: Box) -> None:
        """Show the newest picture as soon as it is time, if the result will lie above the layer, too.

        Args:
            insertion: of the layer that is dragged on.
            picture: what has changed of it, RGBA.
            region: where on it that is.
        """
        if self._unwanted or not insertion.as_patch:
            return
        self._newest = insertion, picture, region
        if not self._waiting:
            self._waiting = GLib.timeout_add(max(0, round(1000 * (self._due - time.monotonic()))), self._update)

    def remove(self) -> None:
        """Leave nothing of it in the image."""
        if self._waiting:
            GLib.source_remove(self._waiting)
            self._waiting = 0
        layer, self._layer = self._layer, None
        if layer and is_in(self._image, layer):
            with _without_a_trace(self._image):
                self._image.remove_layer(layer)
            log.info("%d pictures were seen in the image", self._count)

    def _update(self) -> bool:
        self._waiting, started = 0, time.monotonic()
        if self._newest and self._image.is_valid():
            insertion, picture, region = self._newest
            if self._region != region:
                self.remove()
            changed = changed_box(picture, region[2:])
            if changed and self._layer is None:
                self._insert(insertion, region)
            if self._layer:
                self._write(self._layer, picture, region, changed)
        self._due = started + max(EVERY, (time.monotonic() - started) / SHARE)
        return GLib.SOURCE_REMOVE

    def _insert(self, insertion: Insertion, region: Box) -> None:
        source, image = insertion.source, self._image
        if not is_in(image, source.layer):
            return
        x, y, width, height = region
        name = _("{layer} (is being dragged)").format(layer=source.name)
        kind = TYPES[image.get_base_type()]
        layer = Gimp.Layer.new(image, name, width, height, kind, 100, Gimp.LayerMode.NORMAL)
        layer.set_offsets(source.offset[0] + x, source.offset[1] + y)
        layer.attach_parasite(Gimp.Parasite.new(PARASITE, 0, b"1"))
        selected = image.get_selected_layers()
        with _without_a_trace(image):
            inserted = image.insert_layer(layer, source.layer.get_parent(), image.get_item_position(source.layer))
            image.set_selected_layers(selected or [layer])
        if inserted:
            self._layer, self._region, self._written = layer, region, None
        else:
            self._unwanted = True  # where a lock forbids it

    def _write(self, layer: Gimp.Layer, picture: png.Pixels, region: Box, changed: Box | None) -> None:
        """Write where the picture shows something, and where the one before has."""
        box, self._written = both(changed, self._written), changed
        if box is None:
            return
        x, y, width, height = box
        source, part = to_pixbuf(picture), GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, width, height)
        scales = region[2] / picture.width, region[3] / picture.height
        source.scale(part, 0, 0, width, height, -x, -y, *scales, GdkPixbuf.InterpType.BILINEAR)
        if not is_in(self._image, layer):  # looked at last: GIMP kills who writes to a layer that was deleted
            self._layer, self._unwanted = None, True
            return
        pixels = layer.get_buffer()
        pixels.set(Gegl.Rectangle.new(*box), SRGB, part.read_pixel_bytes().get_data())
        pixels.flush()
        layer.update(*box)
        Gimp.displays_flush()
        self._count += 1


@contextmanager
def _without_a_trace(image: Gimp.Image) -> Iterator[None]:
    """Change an image without an undo step; it counts as saved afterwards if it did before."""
    saved = not image.is_dirty()
    image.undo_freeze()
    try:
        yield
    finally:
        image.undo_thaw()
        if saved:
            image.clean_all()
        Gimp.displays_flush()  # or GIMP's menu offers no Undo
