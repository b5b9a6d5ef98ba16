"""Writes pictures as PNG, so that the networks' package needs no imaging library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB_8_BIT = struct.pack(">BBBBB", 8, 2, 0, 0, 0)  # depth, colour type, deflate, filters by row, not interlaced
FILTER_UP = 2  # each row as its difference to the one above, which suits smooth pictures


def write(picture: Tensor, path: Path) -> None:
    """Write a picture uint8 `[3, H, W]`. Raises OSError, and ValueError for a name that does not end in .png."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"The output {path} should have a name that ends in .png.")
    _, height, width = picture.shape
    pixels = picture.permute(1, 2, 0).reshape(height, width * 3)
    rows = torch.full((height, 1 + width * 3), FILTER_UP, dtype=torch.uint8)
    rows[0, 1:] = pixels[0]
    rows[1:, 1:] = pixels[1:] - pixels[:-1]  # modulo 256, as the format wants it
    header = struct.pack(">II", width, height) + RGB_8_BIT
    data = zlib.compress(rows.numpy().tobytes(), 9)
    path.write_bytes(SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b""))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
