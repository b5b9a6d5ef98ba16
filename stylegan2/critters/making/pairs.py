"""Pairs to learn from: latents z, and the images that the renderer makes of the factors each z stands for.

They are kept in a folder, in blocks that are written whole, so that rendering can stop and go on, and run
beside the training. What a block holds follows from its number alone.
"""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan2.critters.making import factors
from stylegan2.critters.making.geometry import compile_parts
from stylegan2.critters.making.renderer import render
from stylegan2.files import replace_file

RESOLUTION = 256
Z_DIM = 128
BLOCK = 256  # pairs in one file of 50 MB
USES = 4  # how often an image is used before the next block of them is needed
HELD_OUT = 1_000_000  # from this block number on, pairs are for measuring and never trained on


def latents(block: int) -> Tensor:
    """The latents `[256, 128]` of a block, drawn from N(0, I)."""
    return torch.randn(BLOCK, Z_DIM, generator=torch.Generator().manual_seed(block))


class Pairs:
    """The pairs in a folder; more may come while it is in use."""

    def __init__(self, folder: Path, resolution: int = RESOLUTION) -> None:
        self.folder, self.resolution = folder, resolution

    def path(self, block: int) -> Path:
        """File of a block, uint8 `[256, 3, resolution, resolution]`."""
        return self.folder / f"pictures-{block:07}.npy"

    def blocks(self) -> list[int]:
        """Numbers of the blocks to train on that are there."""
        numbers = sorted(int(path.stem.split("-")[1]) for path in self.folder.glob("pictures-???????.npy"))
        return [number for number in numbers if number < HELD_OUT]

    def render(self, block: int, device: str | torch.device = "cpu", at_a_time: int = 1) -> None:
        """Make a block unless it is there."""
        if self.path(block).exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        values = factors.from_latent(latents(block))
        images = torch.cat([render(part, self.resolution, device=device).cpu() for part in values.split(at_a_time)])
        unfinished = self.path(block).with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            np.save(file, images.numpy(), allow_pickle=False)
        replace_file(unfinished, self.path(block))

    def read(self, block: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Latents `[N, 128]` and images uint8 `[N, 3, resolution, resolution]` of some rows `[N]` of a block."""
        images = np.load(self.path(block), mmap_mode="r", allow_pickle=False)
        return latents(block)[rows], torch.from_numpy(images[rows.numpy()])


class Renderer:
    """A process that renders pairs beside a training, and the batches to train on.

    Which pairs a step gets depends on seed and step alone: a step waits for images that are not there yet.
    """

    def __init__(self, pairs: Pairs, blocks: int, device: str, compiled: bool) -> None:
        self.pairs, self.blocks = pairs, blocks
        arguments = (pairs, blocks, device, compiled)
        self._process = multiprocessing.get_context("spawn").Process(target=_render, args=arguments, daemon=True)

    def __enter__(self) -> Renderer:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def batch(self, size: int, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Latents `[size, 128]` and their images uint8 for a step; later steps draw from more blocks.

        Raises RuntimeError when the images are missing and the renderer has ended.
        """
        rng = torch.Generator().manual_seed(seed * 1_000_003 + step)
        in_use = min(self.blocks, 1 + step * size // (USES * BLOCK))
        block = int(torch.randint(in_use, (), generator=rng))
        while not self.pairs.path(block).exists():
            self._process.join(0.1)
            if not self._process.is_alive() and not self.pairs.path(block).exists():
                raise RuntimeError(f"The renderer ended before it made {self.pairs.path(block)}.")
        return self.pairs.read(block, torch.randperm(BLOCK, generator=rng)[:size])


def _render(pairs: Pairs, count: int, device: str, compiled: bool) -> None:
    """What the renderer's process does: make what is missing of the first blocks; on a CPU with one thread."""
    torch.set_num_threads(1)
    if compiled:
        compile_parts()
    parent = multiprocessing.parent_process()
    for block in range(count):
        if parent is not None and not parent.is_alive():  # killed, so that it could not end this process
            return
        pairs.render(block, device, at_a_time=1 if device == "cpu" else 64)
