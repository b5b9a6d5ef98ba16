"""What a layer of ours carries with it, so that the next drag on it goes on from there: parasites, kept in the XCF.

The edit belongs to the layer's pixels, so it comes with their fingerprint: when they were painted on since, it is
not believed. Whether the layer's mask is still the one that was made with it, is told in the same way.
"""

from __future__ import annotations

import base64
import json
import logging
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp

from backend.client import Box, Result
from core.i18n import _
from gimp.source_layer import SourceLayer, strips, write_png

EDIT = "draggan-edit"  # the backend's file, in base64
ORIGINAL = "original.png"  # the file with the pixels that the edit began with
RECORD = "draggan-made"  # JSON: "model" and its "sha256", of "pixels" and "mask" the fingerprints, "origin"

log = logging.getLogger("draggan.edit_parasite")


class Origin(NamedTuple):
    """The pixels that an edit began with. The backend moves them by all drags since at once.

    Args:
        tattoo: of their layer, by which GIMP finds it in a saved image, too.
        box: x, y, width, height of them in that layer.
    """

    tattoo: int
    box: Box

    def snapshot(self, image: Gimp.Image) -> Gegl.Buffer | None:
        """Copy the pixels of the whole layer as they are now; None when it or this part of it was deleted."""
        layer = image.get_layer_by_tattoo(self.tattoo)
        if layer is None:
            return None
        source = SourceLayer.of(image, layer)
        x, y, width, height = self.box
        if x + width > source.size[0] or y + height > source.size[1]:
            return None
        return source.snapshot()

    def write(self, pixels: Gegl.Buffer, file: Path) -> Path:
        """Write the pixels of a snapshot as PNG, and return the file.

        The backend knows their hash: it notices when they were painted on.
        """
        write_png(pixels, file, Gegl.Rectangle.new(*self.box))
        return file


@dataclass(frozen=True)
class EditParasite:
    """The edit that a layer of ours carries.

    Args:
        edit: what the next drag can go on from, or None: also when the pixels were changed since.
        model: what its model is called, "" without an edit. In an image from elsewhere it can be anything, a path
            too, so it is used only where the backend offers a model of this name.
        own_mask: whether the layer's mask shows just what was changed, as it came with the layer.
        painted: whether there was an edit, and the pixels were changed since.
        origin: the pixels that the edit began with, None where they are the layer's own.
    """

    edit: bytes | None = None
    model: str = ""
    own_mask: bool = False
    painted: bool = False
    origin: Origin | None = None

    @classmethod
    def of(cls, source: SourceLayer) -> EditParasite:
        """Read the parasites of the source layer, and whether its pixels are still those."""
        edit, record = source.layer.get_parasite(EDIT), source.layer.get_parasite(RECORD)
        if edit is None or record is None:
            return cls()
        try:
            known = json.loads(bytes(record.get_data()))
            model, pixels, mask = str(known["model"]), known["pixels"], known["mask"]
            origin = _origin(known.get("origin"))
            content = base64.b64decode(bytes(edit.get_data()), validate=True)
        except (ValueError, KeyError, TypeError) as error:
            log.info("the layer's edit is damaged: %r", error)
            return cls()
        own_mask = mask is not None and mask == _fingerprint_of_mask(source.layer)
        if pixels != fingerprint(source.native):
            return cls(own_mask=own_mask, painted=True)
        return cls(content, model, own_mask, origin=origin)

    def write(self, image: Gimp.Image, folder: Path) -> tuple[Path | None, Path | None]:
        """Write the edit, and the pixels it began with, as files for the backend.

        Returns:
            Both files; None for what there is not.
        """
        if not self.edit:
            return None, None
        edit = folder / "edit.safetensors"
        edit.write_bytes(self.edit)
        pixels = self.origin and self.origin.snapshot(image)
        return edit, self.origin.write(pixels, folder / ORIGINAL) if self.origin and pixels else None

    @property
    def remark(self) -> str:
        """A sentence for the dialog, or nothing."""
        if self.edit:
            return _("This goes on from where the layer's last drag or sample ended.")
        return _("The layer was painted on since its last drag, so it is looked at anew.") if self.painted else ""


def has_result(image: Gimp.Image, source: SourceLayer) -> bool:
    """Whether a visible layer beside the source shows it as it was dragged."""
    parent = source.layer.get_parent()
    beside = parent.get_children() if parent else image.get_layers()
    return any(_is_result(layer, source.tattoo) for layer in beside if layer.get_visible())


def _is_result(layer: Gimp.Layer, tattoo: int) -> bool:
    record = layer.get_parasite(RECORD)
    try:
        origin = _origin(json.loads(bytes(record.get_data())).get("origin")) if record else None
    except (ValueError, TypeError, AttributeError):
        return False
    return origin is not None and origin.tattoo == tattoo


def attach(
    layer: Gimp.Layer, pixels: Gegl.Buffer, result: Result, own_mask: bool, origin: Origin | None = None
) -> None:
    """Let a new layer, which is complete but not yet in its image, carry the edit that made its pixels.

    Args:
        pixels: of the layer, as they were written.
        result: with the edit and the model that made them.
        own_mask: whether the layer's mask shows just what was changed.
        origin: the pixels that the edit began with, None where they are the layer's own.
    """
    model = result.report.get("model") or {}
    record = {
        "origin": origin,
        "model": model.get("name", ""),
        "sha256": model.get("sha256", ""),
        "pixels": fingerprint(pixels),
        "mask": _fingerprint_of_mask(layer) if own_mask else None,
    }
    # as text: GIMP's Python takes no byte above 127
    for name, data in ((EDIT, base64.b64encode(result.edit.read_bytes())), (RECORD, json.dumps(record).encode())):
        layer.attach_parasite(Gimp.Parasite.new(name, Gimp.PARASITE_PERSISTENT, data))


def _origin(value: list[Any] | None) -> Origin | None:
    """Read what JSON makes of an Origin. Raises TypeError or ValueError for anything else."""
    if value is None:
        return None
    tattoo, (x, y, width, height) = value
    if not min(tattoo, x + 1, y + 1, width, height) > 0:
        raise ValueError(f"no place of a layer: {value}")
    return Origin(int(tattoo), (int(x), int(y), int(width), int(height)))


def _fingerprint_of_mask(layer: Gimp.Layer) -> str | None:
    mask = layer.get_mask()
    return fingerprint(mask.get_buffer()) if mask else None


def fingerprint(buffer: Gegl.Buffer) -> str:
    """Return a checksum of all pixels in their own format, and of their size: to notice painting, no forgery."""
    extent = buffer.get_extent()
    checksum = 0
    for strip in strips(buffer, extent, None):
        checksum = zlib.crc32(strip, checksum)
    return f"{extent.width} x {extent.height} {checksum:08x}"
