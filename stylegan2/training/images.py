"""Image files: a folder of them as training data, sheets of samples, what JPEG makes of an image."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import ModelError

FEWEST = 2
# what Pillow raises for a damaged file, or one that is no picture
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, zlib.error, Image.DecompressionBombError)


class ImageFolder:
    """All images of a folder and the folders in it, cut to their central square, in memory as uint8."""

    def __init__(self, folder: Path, resolution: int) -> None:
        """`images` are uint8 `[N, 3, resolution, resolution]`; `left_out` are files that could not be read.

        Raises ModelError when the folder holds fewer than two images.
        """
        self.left_out: list[Path] = []
        squares: list[Tensor] = []
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            try:
                squares.append(_square(file, resolution))
            except UNREADABLE:
                self.left_out.append(file)
        if len(squares) < FEWEST:
            raise ModelError(f"The folder {folder} holds {len(squares)} readable pictures; training needs thousands.")
        self.images = torch.stack(squares)

    def batches(self, size: int, seed: int, start: int = 0) -> Iterator[Tensor]:
        """Endlessly: float `[size, 3, H, W]` in -1..1, half of them mirrored; drawn anew for each step."""
        step = start
        while True:
            rng = torch.Generator().manual_seed(seed * 1_000_003 + step)
            rows = torch.randint(len(self.images), (size,), generator=rng)
            batch = self.images[rows].float() / 127.5 - 1
            mirrored = torch.rand(size, generator=rng) < 0.5
            batch[mirrored] = batch[mirrored].flip(3)
            yield batch
            step += 1


def write_png(image: Tensor, path: Path) -> None:
    """Write an image uint8 `[3, H, W]`. Raises OSError, and ValueError for a name that does not end in .png."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"The output {path} should have a name that ends in .png.")
    Image.fromarray(image.permute(1, 2, 0).cpu().numpy()).save(path)


def through_jpeg(image: Tensor, quality: int) -> Tensor:
    """Pack an image `[3, H, W]`, -1..1, as JPEG and unpack it."""
    pixels = ((image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    unpacked = torch.from_numpy(np.asarray(Image.open(file), np.float32).copy())
    return (unpacked / 127.5 - 1).permute(2, 0, 1).to(image)


def _square(file: Path, resolution: int) -> Tensor:
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    square = ImageOps.fit(upright, (resolution, resolution), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)
