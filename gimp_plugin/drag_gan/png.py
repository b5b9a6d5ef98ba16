"""Write a PNG with nothing but the standard library: GIMP's Python brings no image library along."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type: grey, RGB, RGBA
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Pixels(NamedTuple):
    """8-bit pixels, row by row without padding: `data` has height * width * channels bytes."""

    width: int
    height: int
    channels: int
    data: bytes


def write(file: Path, width: int, height: int, channels: int, strips: Iterable[bytes]) -> None:
    """Write a picture, grey, RGB or RGBA by its channels, 8 bits each, no colour profile. Raises OSError.

    strips: whole rows of pixels, any number at a time, from the top. Nothing is compressed: the file is read on the
    same machine at once, and compressing 6000 x 4000 pixels takes seconds.
    """
    row = width * channels
    packer = zlib.compressobj(0)
    with open(file, "wb") as out:
        out.write(SIGNATURE)
        _chunk(out, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0))
        for strip in strips:
            lines = b"".join(b"\0" + strip[start : start + row] for start in range(0, len(strip), row))
            _chunk(out, b"IDAT", packer.compress(lines))
        _chunk(out, b"IDAT", packer.flush())
        _chunk(out, b"IEND", b"")


def _chunk(out: BinaryIO, name: bytes, content: bytes) -> None:
    checksum = zlib.crc32(content, zlib.crc32(name))
    out.writelines((struct.pack(">I", len(content)), name, content, struct.pack(">I", checksum)))
