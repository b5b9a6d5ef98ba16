"""What was behind the subject: the layer's own background, continued from beside, where it has a structure to continue.

The generator knows the background's colours, but not its stripes, bricks or leaves.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from backend.editing.correspondence import Correspondence
from backend.editing.filters import blur, resample, weighted_blur

WORKING_SIDE = 384  # pixels of the longer side at which a place to continue from is looked for
NEAR = 96  # of these pixels: no farther away
MOST_GAPS = 6  # the largest ones
SMALLEST_GAP = 12  # pixels of the model's image
STAYED = 0.95  # so surely in its place that it shows what the background is
UNCOVERED = 0.4  # confidence below which a pixel is to be painted
RIM = 9  # pixels of the model's image: how wide a rim around a gap has to fit
STRUCTURED = 0.75  # the continued rim must fit so much better than the generator's
EVEN = 10.0  # levels, of all channels together: what differs by less is grain, and plain background goes on everywhere
REFINED = 384  # pixels of the layer: side of the window in which the place is found to the pixel


class Continuation(NamedTuple):
    """A gap that is filled from `offset` (x, y) pixels of the layer beside it.

    share: [h, w], 0 .. 1, where.  light: [h, w, 3], 0 .. 255, what is added, since light changes along a background.
    """

    share: np.ndarray
    offset: tuple[int, int]
    light: np.ndarray


def continue_background(
    original: np.ndarray, found: Correspondence, generated: np.ndarray, behind: np.ndarray
) -> list[Continuation]:
    """Find places of `original` (uint8 [H, W, 4]) that continue its background into what came to light.

    generated: [h, w, 3], 0 .. 255, what the generator paints there.  behind: [h, w], 0 .. 1, where that is background.
    """
    size = found.confidence.shape
    still = resample(found.still, size)
    background = (still > STAYED) & (found.confidence > 0.6)
    if not background.any():
        return []
    uncovered = (found.confidence < UNCOVERED) & (still < 0.9) & (behind > 0.5)
    small = resample(original, size).astype(np.float32)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(uncovered.astype(np.uint8))
    largest = sorted(range(1, count), key=lambda part: -stats[part, cv2.CC_STAT_AREA])[:MOST_GAPS]
    matcher = _PatchMatcher(original, background)
    result = []
    for part in largest:
        if stats[part, cv2.CC_STAT_AREA] < SMALLEST_GAP:
            break
        gap = cv2.dilate((parts == part).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        rim = (cv2.dilate(gap.astype(np.uint8), np.ones((RIM, RIM), np.uint8)) > 0) & background
        offset = matcher.place_for(gap, rim, generated)
        if offset is not None:
            result.append(_continuation(small, gap, rim, offset, matcher.scale))
    return result


def _continuation(
    small: np.ndarray, gap: np.ndarray, rim: np.ndarray, offset: tuple[int, int], scale: np.ndarray
) -> Continuation:
    x, y = np.asarray(offset) / scale
    there = cv2.warpAffine(
        small, np.array([[1, 0, -x], [0, 1, -y]], np.float32), gap.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    light = weighted_blur((small - there)[..., :3], rim.astype(np.float32), 6.0, 24.0)
    return Continuation(blur(gap.astype(np.float32), 0.8), offset, light.astype(np.float32))


class _PatchMatcher:
    """Looks for places of a layer like the rim of a gap, at WORKING_SIDE, then to the layer's pixel."""

    def __init__(self, original: np.ndarray, background: np.ndarray) -> None:
        height, width = original.shape[:2]
        self.original = original
        self.scale = np.array([width / background.shape[1], height / background.shape[0]])
        self.shrink = min(1.0, WORKING_SIDE / max(height, width))
        self.size = round(width * self.shrink), round(height * self.shrink)
        self.layer = _seen(resample(original, self.size[::-1]))
        self.elsewhere = 1 - self._enlarged(background)

    def place_for(self, gap: np.ndarray, rim: np.ndarray, generated: np.ndarray) -> tuple[int, int] | None:
        """The offset in pixels of the layer, or None where nothing continues it better than the generator."""
        compared, both = self._enlarged(rim), self._enlarged(gap | rim)
        if compared.sum() < 4 * SMALLEST_GAP:
            return None
        x, y, width, height = cv2.boundingRect((both > 0).astype(np.uint8))
        window = slice(y, y + height), slice(x, x + width)
        layer, compared, both = self.layer[window], compared[window], both[window]
        painted = cv2.resize(generated, self.size, interpolation=cv2.INTER_LINEAR)[window]
        opaque = np.full((*painted.shape[:2], 1), 255, np.float32)
        by_generator = _mean_square(np.dstack([painted, opaque]) - layer, compared)
        left, top = max(x - NEAR, 0), max(y - NEAR, 0)
        nearby = slice(top, y + height + NEAR), slice(left, x + width + NEAR)
        mask = np.dstack([compared] * 4)
        errors = cv2.matchTemplate(self.layer[nearby], layer, cv2.TM_SQDIFF, mask=mask) / compared.sum()
        covered = cv2.matchTemplate(self.elsewhere[nearby], both, cv2.TM_CCORR)
        errors = np.where(covered < 0.01 * both.sum() + 1, errors, np.inf)
        row, column = np.unravel_index(int(errors.argmin()), errors.shape)
        if not errors[row, column] < max(STRUCTURED**2 * by_generator, EVEN**2):
            return None
        return self._refined((left + int(column) - x, top + int(row) - y), rim)

    def _refined(self, offset: tuple[int, int], rim: np.ndarray) -> tuple[int, int]:
        """The offset (pixels at WORKING_SIDE) in pixels of the layer, by the part of the rim with the most in it."""
        height, width = self.original.shape[:2]
        reach = int(np.ceil(1.5 / self.shrink))
        x, y = (round(step / self.shrink) for step in offset)
        if self.shrink == 1.0:
            return x, y
        side = min(REFINED, height - 2 * reach, width - 2 * reach)
        amount = cv2.boxFilter(rim.astype(np.float32), -1, (max(int(side / self.scale[0]), 1),) * 2)
        row, column = np.unravel_index(int((amount * rim).argmax()), rim.shape)
        left = int(np.clip(column * self.scale[0] - side / 2, max(reach - x, 0), width - side - max(x + reach, 0)))
        top = int(np.clip(row * self.scale[1] - side / 2, max(reach - y, 0), height - side - max(y + reach, 0)))
        rows, columns = np.arange(top, top + side) / self.scale[1], np.arange(left, left + side) / self.scale[0]
        mask = rim[rows.astype(int)][:, columns.astype(int)].astype(np.float32)
        here = _seen(self.original[top : top + side, left : left + side])
        there = _seen(
            self.original[top + y - reach : top + y + reach + side, left + x - reach : left + x + reach + side]
        )
        if min(there.shape[:2]) < side or not mask.any():
            return x, y
        errors = cv2.matchTemplate(there, here, cv2.TM_SQDIFF, mask=np.dstack([mask] * 4))
        row, column = np.unravel_index(int(errors.argmin()), errors.shape)
        return x + int(column) - reach, y + int(row) - reach

    def _enlarged(self, area: np.ndarray) -> np.ndarray:
        return cv2.resize(area.astype(np.float32), self.size, interpolation=cv2.INTER_NEAREST)


def _seen(pixels: np.ndarray) -> np.ndarray:
    """Float32 [h, w, 4]: colours as far as they are seen, and alpha, 0 .. 255."""
    values = pixels.astype(np.float32)
    values[..., :3] *= values[..., 3:] / 255
    return values


def _mean_square(difference: np.ndarray, weight: np.ndarray) -> float:
    """Sum over the channels of the mean square where `weight` [h, w] is."""
    return float((np.square(difference).sum(axis=2) * weight).sum() / weight.sum())
