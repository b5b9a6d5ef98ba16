"""Film grain, sensor noise, the fine fur of an image: as much of it for what the generator paints, which has none."""

from __future__ import annotations

import cv2
import numpy as np

from backend.editing.filters import resample, weighted_blur

TILE = 256  # pixels across; it repeats
SMALLEST_TILE = 32
COARSEST = 2  # cells: what the generator paints is smooth at this size
EDGE = 5.0  # levels from one cell to the next: so steep is an edge, whose own fineness is no grain
OUTSIDE = 3.0  # the cost of a patch that is elsewhere; one that is twice as strong costs 0.7
NEAR, FAR = 3.0, 12.0  # cells: around each, whose mean counts


def grain_strength(original: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """How much of `original` (uint8 [H, W, 4]) is finer than COARSEST cells of a grid of `size` (h, w).

    Returns the deviation [h, w], levels. Near an edge it is that of the surroundings: an edge is no grain.
    """
    grey = cv2.cvtColor(original, cv2.COLOR_RGBA2GRAY)
    fine = cv2.absdiff(grey, _coarse(grey, size)).astype(np.float32)
    square = resample(np.square(fine, out=fine), size)
    smooth = resample(grey, size).astype(np.float32)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 8
    slope = cv2.dilate(slope, np.ones((3, 3), np.uint8))
    return np.sqrt(weighted_blur(square, np.exp(-np.square(slope / EDGE)), NEAR, FAR))


def grain_tile(original: np.ndarray, strength: np.ndarray, target: float, where: np.ndarray) -> np.ndarray | None:
    """A tile float32 [n, n, 3] of grain like that of `original` (uint8 [H, W, 4]), its standard deviation 1.

    Args:
        strength: [h, w], what grain_strength() gave.
        target: the strength it is needed at.
        where: [h, w], 0 .. 1, the part of the image that it is taken from.

    It has the spectrum of the layer's most even patch and random phases (Galerne et al. 2011): grain without what
    is drawn there. The same layer always gives the same tile. None where the layer is too small.
    """
    height, width = original.shape[:2]
    side = min(TILE, height, width)
    if side < SMALLEST_TILE or target <= 0:
        return None
    y, x = _most_even(strength, where, (height, width), side, target)
    patch = original[y : y + side, x : x + side, :3].astype(np.float32)
    cells = tuple(
        max(round(side * cells / length), 1) for cells, length in zip(strength.shape, (height, width), strict=True)
    )
    patch -= _coarse(patch, cells)
    patch *= np.hanning(side)[:, None, None] * np.hanning(side)[None, :, None]
    phases = np.angle(np.fft.rfft2(np.random.default_rng(0).standard_normal((side, side))))
    spectrum = np.abs(np.fft.rfft2(patch, axes=(0, 1))) * np.exp(1j * phases)[..., None]
    # the phases of all colours turn together, so that grey grain stays grey
    tile = np.fft.irfft2(spectrum, s=(side, side), axes=(0, 1))
    tile = tile.astype(np.float32)
    return tile / max(float(cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY).std()), 1e-6)


def _coarse(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """What of `image` is not finer than COARSEST cells of a grid of `size` (h, w)."""
    return resample(resample(image, tuple(max(length // COARSEST, 1) for length in size)), image.shape)


def _most_even(
    strength: np.ndarray, where: np.ndarray, size: tuple[int, int], side: int, target: float
) -> tuple[int, int]:
    """Top left corner (y, x) of a patch of `side` pixels in `where` that is evenly grainy, as much as `target`."""
    cells = max(round(side * strength.shape[1] / size[1]), 1)
    mean = cv2.blur(strength, (cells, cells))
    spread = np.sqrt(np.maximum(cv2.blur(strength**2, (cells, cells)) - mean**2, 0))
    score = spread / (mean + 0.1) + np.abs(np.log((mean + 0.1) / (target + 0.1)))
    score += OUTSIDE * (1 - cv2.blur(where.astype(np.float32), (cells, cells)))
    row, column = np.unravel_index(int(score.argmin()), score.shape)
    centre = (row + 0.5) * size[0] / strength.shape[0], (column + 0.5) * size[1] / strength.shape[1]
    y, x = (min(max(int(c - side / 2), 0), length - side) for c, length in zip(centre, size, strict=True))
    return y, x


def laid(tile: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """The part of a plane covered with tiles that `rows` and `columns` name, [n, m, 3]."""
    side = len(tile)
    return tile[np.arange(rows.start, rows.stop) % side][:, np.arange(columns.start, columns.stop) % side]
