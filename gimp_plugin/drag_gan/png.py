"""Write a PNG with nothing but the standard library: GIMP's Python brings no image library along."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type: grey, RGB, RGBA
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Pixels(NamedTuple):
    """8-bit pixels, row by row without padding: `data` has height * width * channels bytes."""

    width: int
    height: int
    channels: int
    data: bytes


def encode(pixels: Pixels, level: int = 1) -> bytes:
    """The picture as a PNG file: grey, RGB or RGBA by its channels, 8 bits each, no colour profile."""
    row = pixels.width * pixels.channels
    lines = b"".join(b"\0" + pixels.data[start : start + row] for start in range(0, row * pixels.height, row))
    header = struct.pack(">IIBBBBB", pixels.width, pixels.height, 8, COLOUR_TYPES[pixels.channels], 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines, level)), (b"IEND", b"")
    return SIGNATURE + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
