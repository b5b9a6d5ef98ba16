"""Write and read plain PNG files, in which client and backend hand over pixels, with the standard library alone.

Plain means without compression and filters, so that neither side needs an image library or seconds for a large layer.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type: grey, RGB, RGBA
CHANNELS = {kind: channels for channels, kind in COLOUR_TYPES.items()}
PIECE = 1 << 20  # bytes unpacked at a time
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Pixels(NamedTuple):
    """8-bit pixels, row by row without padding: `data` has height * width * channels bytes."""

    width: int
    height: int
    channels: int
    data: bytes


def write(file: Path, width: int, height: int, channels: int, strips: Iterable[bytes]) -> None:
    """Write a PNG file of 8 bits without a colour profile.

    Nothing is compressed: the file is read on the same machine at once, and compressing 6000 x 4000 pixels takes
    seconds.

    Args:
        channels: 1 grey, 3 RGB, 4 RGBA.
        strips: whole rows of pixels, any number at a time, from the top.

    Raises:
        OSError: it cannot be written.
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


def packed(pixels: Pixels) -> bytes:
    """Return a small image as a PNG file's bytes, compressed: for what is sent again and again."""
    row = pixels.width * pixels.channels
    lines = b"".join(b"\0" + pixels.data[start : start + row] for start in range(0, len(pixels.data), row))
    header = struct.pack(">IIBBBBB", pixels.width, pixels.height, 8, COLOUR_TYPES[pixels.channels], 0, 0, 0)
    out = io.BytesIO(SIGNATURE)
    out.seek(0, io.SEEK_END)
    for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b"")):
        _chunk(out, name, content)
    return out.getvalue()


class File(NamedTuple):
    """A plain PNG file whose header has been read."""

    path: Path
    width: int
    height: int
    channels: int

    @classmethod
    def of(cls, path: Path) -> File:
        """Read the header.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not such a file.
        """
        with open(path, "rb") as file:
            name, header = next(_chunks(file), (b"", b""))
        if name != b"IHDR" or len(header) != 13:
            raise ValueError(f"{path} has no header")
        width, height, depth, kind, *rest = struct.unpack(">IIBBBBB", header)
        if depth != 8 or kind not in CHANNELS or any(rest):
            raise ValueError(f"{path} is of another kind")
        return cls(path, width, height, CHANNELS[kind])

    def strips(self, rows: int) -> Iterator[bytes]:
        """Yield the pixels, `rows` rows at a time from the top.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, or not plain.
        """
        line = 1 + self.width * self.channels
        ready, left = bytearray(), self.height
        for data in self._unpacked():
            ready += data
            while left and len(ready) >= line * min(rows, left):
                size = line * min(rows, left)
                strip, ready = ready[:size], ready[size:]
                if strip[::line].strip(b"\0"):
                    raise ValueError(f"{self.path} has filtered rows")
                left -= size // line
                yield b"".join(strip[start + 1 : start + line] for start in range(0, size, line))
        if left:
            raise ValueError(f"{self.path} ends too early")

    def _unpacked(self) -> Iterator[bytes]:
        unpacker = zlib.decompressobj()
        with open(self.path, "rb") as file:
            for name, content in _chunks(file):
                if name == b"IDAT":
                    for start in range(0, len(content), PIECE):
                        yield unpacker.decompress(content[start : start + PIECE])


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of every chunk up to the end. Raises ValueError for what is no PNG."""
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise ValueError("no PNG")
    while name := file.read(8):
        content = file.read(int.from_bytes(name[:4], "big"))
        file.read(4)  # the checksum: this file has never left the machine
        yield name[4:], content


def _chunk(out: BinaryIO, name: bytes, content: bytes) -> None:
    checksum = zlib.crc32(content, zlib.crc32(name))
    out.writelines((struct.pack(">I", len(content)), name, content, struct.pack(">I", checksum)))
