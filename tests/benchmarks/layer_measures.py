"""How good a result layer is, held against what it should have become; all images are uint8 [SIDE, SIDE, 3]."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from stylegan2 import Discriminator
from tests.benchmarks.patterned_heads import BACKGROUND, origin, surface

BLOCK, REACH = 48, 24  # pixels: blocks that are compared, and how far each may be off
ASTRAY = 25.0  # levels by which the model's image stands out against the truth where it shows something else
TILE, TILES = 256, 8  # pixels of a tile that the discriminator sees, and how many: those where most has changed
COARSE = 6  # pixels of the image to one of the grid on which the geometry is known
MOVED = 0.01  # of the width: what went farther counts as moved
DETAIL, AROUND = 2.0, 12.0  # pixels: what is finer is detail, and its strength is taken around a pixel
LEFT = 20.0  # levels by which source and truth differ where something left its place
GHOST = 10.0  # levels by which a ghost stands out more against the truth than the model's own image does
REMAINS = 0.5  # what stands out is a ghost where so much of it is what the source shows there
CLEAN = 0.2  # the model's own image shows less after the drag, and did show it before: it has really left
NOISE = 0.001  # of the image's area: fewer pixels that look like a ghost are none


@dataclass(frozen=True)
class Measures:
    """Of one image.

    distance: dB, peak signal to noise ratio where every block lies best.  agreed: the same of the blocks in which the
    model's image after the drag agrees with the truth: elsewhere it has moved something to another place than the
    truth, and a layer that follows it cannot be near.  features: squared distance of the discriminator's features, as a
    share of the truth's.  sharpness: of what moved and shows in both images, the strength of its detail as a share of
    what it was in the source.  ghosts: share of the image that shows remains of what has left its place.
    """

    distance: float
    agreed: float
    features: float
    sharpness: float
    ghosts: float


class Judge:
    """Holds images against the truth of one drag."""

    def __init__(
        self,
        discriminator: Discriminator,
        source: np.ndarray,
        truth: np.ndarray,
        models: tuple[np.ndarray, np.ndarray],
        factors: tuple[Tensor, Tensor],
    ) -> None:
        """models: the model's images before and after the drag, enlarged.  factors: [1, 36], of source and truth."""
        self.discriminator, self.source, self.truth = discriminator, source, truth
        self.tiles = _changed_tiles(source, truth)
        self.target = self._features(truth)
        self.moved = _moved_points(factors, source.shape[0])
        self.left = _left(source, truth, models)
        self.of_model = _stands_out(models[1], truth)
        self.agrees = _block_means(self.of_model) < ASTRAY

    def of(self, image: np.ndarray) -> Measures:
        """Everything about one image."""
        errors = block_errors(image, self.truth)
        return Measures(
            decibels(errors),
            decibels(errors[self.agrees]),
            self._feature_distance(image),
            self._sharpness(image),
            self._ghosts(image),
        )

    def _features(self, image: np.ndarray) -> list[Tensor]:
        tiles = np.stack([image[y : y + TILE, x : x + TILE] for y, x in self.tiles])
        with torch.no_grad():
            return self.discriminator.features(torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 127.5 - 1)

    def _feature_distance(self, image: np.ndarray) -> float:
        terms = [
            float((found - target).square().mean() / target.square().mean())
            for found, target in zip(self._features(image), self.target, strict=True)
        ]
        return float(np.mean(terms))

    def _sharpness(self, image: np.ndarray) -> float:
        here, there = self.moved
        if not len(here):
            return float("nan")
        after, before = detail(image), detail(self.source)
        kept = after[here[:, 1], here[:, 0]] / np.maximum(before[there[:, 1], there[:, 0]], 0.5)
        return float(np.median(kept))

    def _ghosts(self, image: np.ndarray) -> float:
        remains = remains_of(image, self.source, self.truth, self.of_model)
        return float((remains & self.left).mean())


def block_errors(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The mean square error of each block of the truth where it fits best within REACH, float64 [n, m].

    A generated image and a rendering never agree to the pixel, and fine patterns that are a pixel off would count
    more than a torn face.
    """
    padded = np.pad(image, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="symmetric").astype(np.float32)
    errors = np.empty((truth.shape[0] // BLOCK, truth.shape[1] // BLOCK))
    for row, column in np.ndindex(errors.shape):
        y, x = row * BLOCK, column * BLOCK
        block = truth[y : y + BLOCK, x : x + BLOCK].astype(np.float32)
        near = padded[y : y + BLOCK + 2 * REACH, x : x + BLOCK + 2 * REACH]
        errors[row, column] = max(float(cv2.matchTemplate(near, block, cv2.TM_SQDIFF).min()), 0.0) / block.size
    return errors


def decibels(errors: np.ndarray) -> float:
    """The peak signal to noise ratio of mean square errors."""
    return float(10 * np.log10(255**2 / np.mean(errors)))


def remains_of(image: np.ndarray, source: np.ndarray, truth: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where an image still shows the source instead of the truth, bool [h, w].

    An eye or an outline that is some pixels off differs from the truth, too, but not in the way the source does.

    Args:
        expected: [h, w], levels by which the model's own image stands out against the truth.
    """
    return (_stands_out(image, truth) > expected + GHOST) & (_shows(image, source, truth) > REMAINS)


def detail(image: np.ndarray) -> np.ndarray:
    """The local strength of what is finer than DETAIL pixels, float32 [h, w], in levels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), DETAIL)
    return np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), AROUND))


def seam(result: np.ndarray, source: np.ndarray, mask: np.ndarray) -> float:
    """How much result and source differ where the changed area (uint8 mask) ends: mean of what is not grain, levels."""
    rim = (mask > 0) & (mask < 255)
    difference = cv2.GaussianBlur(result.astype(np.float32) - source, (0, 0), 3.0)
    return float(np.abs(difference)[rim].mean()) if rim.any() else 0.0


def _block_means(values: np.ndarray) -> np.ndarray:
    """The mean of `values` [h, w] in each block, [h // BLOCK, w // BLOCK]."""
    rows, columns = (length // BLOCK for length in values.shape)
    return values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))


def _changed_tiles(source: np.ndarray, truth: np.ndarray) -> list[tuple[int, int]]:
    change = np.abs(source.astype(np.float32) - truth).mean(axis=2)
    places = [(y, x) for y in range(0, len(change) - TILE + 1, TILE) for x in range(0, len(change) - TILE + 1, TILE)]
    return sorted(places, key=lambda place: -change[place[0] : place[0] + TILE, place[1] : place[1] + TILE].mean())[
        :TILES
    ]


def _moved_points(factors: tuple[Tensor, Tensor], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the truth [N, 2] (x, y) that moved and show in the source, too, and where they are there."""
    before, after = factors
    small = side // COARSE
    seen = surface(after, small, small)
    places, shows = origin(seen, before, small, small)
    y, x = torch.meshgrid(torch.arange(small) + 0.5, torch.arange(small) + 0.5, indexing="ij")
    here = torch.stack([x.flatten(), y.flatten()])
    moved = shows & (seen.part != BACKGROUND) & ((places - here).norm(dim=0) > MOVED * small)
    return tuple((points[:, moved] * COARSE).long().clamp(0, side - 1).T.numpy() for points in (here, places))  # type: ignore[return-value]


def _left(source: np.ndarray, truth: np.ndarray, models: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Where something left its place, and the model's images before and after show that it has, bool [h, w]."""
    difference = cv2.GaussianBlur(source.astype(np.float32) - truth, (0, 0), 3.0)
    strength = np.sqrt(cv2.GaussianBlur(np.square(difference).mean(axis=2), (0, 0), 8.0))
    before, after = (_shows(model, source, truth) for model in models)
    return (strength > LEFT) & (before > 1 - CLEAN) & (after < CLEAN)


def _stands_out(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How much differs that is not grain, float32 [h, w], in levels."""
    difference = cv2.GaussianBlur(image.astype(np.float32) - truth, (0, 0), 3.0)
    return np.sqrt(cv2.GaussianBlur(np.square(difference).mean(axis=2), (0, 0), 4.0))


def _shows(image: np.ndarray, source: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How much of the source shows through in `image`, 0 (it is the truth) .. 1 (it is the source), [h, w]."""
    away = cv2.GaussianBlur(source.astype(np.float32) - truth, (0, 0), 3.0)
    found = cv2.GaussianBlur(image.astype(np.float32) - truth, (0, 0), 3.0)
    shared = cv2.GaussianBlur((away * found).sum(axis=2), (0, 0), 8.0)
    return shared / (cv2.GaussianBlur(np.square(away).sum(axis=2), (0, 0), 8.0) + 1.0)
