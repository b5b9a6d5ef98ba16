"""The question before a drag on a layer that the model cannot show: the layer beside what the model makes of it.

Imported only when it is shown.
"""

from __future__ import annotations

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, GimpUi, Gtk

from backend.client import Unfit, png
from gimp.widgets import to_pixbuf

TITLE = "Drag All the Same?"
SIDE = 256  # pixels of the longer side of each picture


def ask(layer: png.Pixels, unfit: Unfit) -> bool:
    """Show the question.

    Args:
        layer: RGB, what the model's picture shows of the layer.
        unfit: the model's picture, and the sentence.

    Returns:
        Whether to drag all the same.
    """
    dialog = GimpUi.Dialog(title=TITLE, role="draggan-poor-fit")
    GimpUi.window_set_transient(dialog)
    dialog.add_button("_Cancel", Gtk.ResponseType.CANCEL)
    dialog.add_button("_Drag All the Same", Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.CANCEL)
    text = Gtk.Label(label=f"{unfit.sentence} Drag all the same?", xalign=0, wrap=True, max_width_chars=50)
    pictures = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
    for picture, caption in ((layer, "The layer"), (unfit.picture, "What the model makes of it")):
        pictures.pack_start(_captioned(picture, caption, unfit.region), True, True, 0)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
    box.pack_start(pictures, False, False, 0)
    box.pack_start(text, False, False, 0)
    dialog.get_content_area().add(box)
    dialog.show_all()
    response = dialog.run()
    dialog.destroy()
    while Gtk.events_pending():
        Gtk.main_iteration()
    return bool(response == Gtk.ResponseType.OK)


def _captioned(picture: png.Pixels, caption: str, region: tuple[int, int, int, int]) -> Gtk.Box:
    """Return a picture of the region, in the region's shape, above its caption."""
    scale = SIDE / max(region[2:])
    size = max(1, round(region[2] * scale)), max(1, round(region[3] * scale))
    image = Gtk.Image.new_from_pixbuf(to_pixbuf(picture).scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
    box.pack_start(image, False, False, 0)
    box.pack_start(Gtk.Label(label=caption), False, False, 0)
    return box
