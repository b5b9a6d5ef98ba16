"""The question before a drag on a layer that the model cannot show: the layer beside what the model makes of it.

Imported only when it is shown.
"""

from __future__ import annotations

import logging

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gegl, Gtk

from backend.client import Unfit, png
from core.i18n import _, translated
from gimp.source_layer import thumbnail
from gimp.widgets import confirm, text, to_pixbuf

SIDE = 256  # pixels of the longer side of each picture

log = logging.getLogger("draggan.poor_fit_window")


def ask(snapshot: Gegl.Buffer, unfit: Unfit, parent: Gtk.Window | None = None) -> bool:
    """Show the question.

    Args:
        snapshot: the layer's pixels.
        unfit: the model's picture, and the sentence.
        parent: the window that it belongs to; None for GIMP's.

    Returns:
        Whether to drag all the same.
    """
    log.info("unfit: %s", unfit.sentence)
    layer = thumbnail(snapshot, unfit.region, SIDE)
    pictures = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
    for picture, caption in ((layer, _("The layer")), (unfit.picture, _("What the model makes of it"))):
        pictures.pack_start(_captioned(picture, caption, unfit.region), True, True, 0)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
    box.pack_start(pictures, False, False, 0)
    box.pack_start(text(f"{translated(unfit.sentence)} {_('Drag all the same?')}"), False, False, 0)
    accepted = confirm(_("Drag All the Same?"), "draggan-poor-fit", box, _("_Drag All the Same"), parent)
    if not accepted:
        log.info("cancelled by the artist, because of the fit")
    return accepted


def _captioned(picture: png.Pixels, caption: str, region: tuple[int, int, int, int]) -> Gtk.Box:
    """Return a picture of the region, in the region's shape, above its caption."""
    scale = SIDE / max(region[2:])
    size = max(1, round(region[2] * scale)), max(1, round(region[3] * scale))
    image = Gtk.Image.new_from_pixbuf(to_pixbuf(picture).scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
    box.pack_start(image, False, False, 0)
    box.pack_start(Gtk.Label(label=caption), False, False, 0)
    return box
