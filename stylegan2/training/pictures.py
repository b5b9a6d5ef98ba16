"""A folder of pictures as training data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..errors import ModelError

FEWEST = 2


class Pictures:
    """All pictures of a folder and the folders in it, cut to their central square, in memory as uint8."""

    def __init__(self, folder: Path, resolution: int) -> None:
        """`pictures` are uint8 `[N, 3, resolution, resolution]`; `left_out` are files that could not be read.

        Raises ModelError when the folder holds fewer than two pictures.
        """
        self.left_out: list[Path] = []
        squares: list[Tensor] = []
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            try:
                squares.append(_square(file, resolution))
            except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
                self.left_out.append(file)
        if len(squares) < FEWEST:
            raise ModelError(f"The folder {folder} holds {len(squares)} readable pictures; training needs thousands.")
        self.pictures = torch.stack(squares)

    def batches(self, size: int, seed: int, start: int = 0) -> Iterator[Tensor]:
        """Endlessly: float `[size, 3, H, W]` in -1..1, half of them mirrored; drawn anew for each step."""
        step = start
        while True:
            chance = torch.Generator().manual_seed(seed * 1_000_003 + step)
            rows = torch.randint(len(self.pictures), (size,), generator=chance)
            batch = self.pictures[rows].float() / 127.5 - 1
            mirrored = torch.rand(size, generator=chance) < 0.5
            batch[mirrored] = batch[mirrored].flip(3)
            yield batch
            step += 1


def _square(file: Path, resolution: int) -> Tensor:
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    square = ImageOps.fit(upright, (resolution, resolution), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)
