"""What all experiments start from: a model, who looks at its images, and pairs of its samples."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backend.editing.sampling import sample
from backend.models import open_model
from stylegan2.samples import to_bytes
from tests.benchmarks.paper.landmarks import ALL, finder_for, rows_of
from tests.benchmarks.scenes import PSI, SHOWS

SECOND = 1_000_000  # added to a pair's seed, that of its second sample
FEWEST = 5  # landmarks that show in both samples, where all are dragged


@dataclass(frozen=True)
class Pair:
    """Two samples; the landmarks of the first are dragged to those of the second.

    Attributes:
        seed: of the first.
        codes: [1, num_ws, w_dim] of each.
        images: uint8 [2, 3, H, W].
        points: [2, L, 2], all landmarks, in pixels of the images.
        shown: bool [2, L], which of them show.
    """

    seed: int
    codes: tuple[Tensor, Tensor]
    images: Tensor
    points: Tensor
    shown: Tensor

    def ways(self, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return handles and targets [N, 2] of the landmarks `rows`."""
        return self.points[0, rows].numpy(), self.points[1, rows].numpy()


class Bench:
    """A model on one thread: more gain little on images as small as those of the embedded one."""

    def __init__(self, model: str) -> None:
        torch.set_num_threads(1)
        self.loaded = open_model(model)
        self.generator = self.loaded.model.generator
        self.finder = finder_for(self.loaded)
        self.pair = functools.lru_cache(maxsize=4)(self._pair)

    @torch.no_grad()
    def image(self, w_plus: Tensor) -> Tensor:
        """The image of a code, uint8 [1, 3, H, W]."""
        return to_bytes(self.generator.synthesis(w_plus))

    @torch.no_grad()
    def code(self, seed: int) -> Tensor:
        """A sample's code [1, num_ws, w_dim], truncated as the plug-in's own samples are."""
        return sample(self.generator, seed, PSI, 0 if self.generator.c_dim else None)

    def rows(self, pair: Pair, points: str) -> list[int] | None:
        """Return the landmarks that are dragged for 1, 5 or all points; None where the pair can't be asked."""
        wanted = rows_of(self.finder, points)
        shown = [row for row in wanted if bool(pair.shown[:, row].all())]
        return shown if len(shown) >= (min(FEWEST, len(wanted)) if points == ALL else len(wanted)) else None

    def _pair(self, seed: int) -> Pair:
        codes = self.code(seed), self.code(seed + SECOND)
        images = torch.cat([self.image(code) for code in codes])
        points, visibility = self.finder.find(images)
        height, width = images.shape[2:]
        inside = ((points >= 0) & (points < points.new_tensor([width, height]))).all(-1)
        return Pair(seed, codes, images, points, (visibility > SHOWS) & inside)
