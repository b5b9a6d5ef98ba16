"""The layer's own background: it stays in its place, and goes on into what came to light where it has a structure.

The generator knows the background's colours, but not its stripes, bricks or leaves.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from backend.editing.correspondence import Correspondence
from backend.editing.filters import blur, resample, weighted_blur
from backend.editing.matte import COLOUR_BLUR, FAR, Matte
from backend.editing.misplaced import PLAIN, shows_background
from backend.editing.optical_flow import warp

WORKING_SIDE = 384  # pixels of the longer side at which a place to continue from is looked for
NEAR = 96  # of these pixels: no farther away
MOST_GAPS = 24  # the largest ones
WIDE, BAND = 7, 32  # pixels of the model's image: a narrower gap is a band, which is cut into pieces of this size
SMALLEST_GAP = 12  # pixels of the model's image
BESIDE = 5  # pixels of the model's image, across: so near to the subject nothing is sure to be background
STRUCTURE = 5.0  # of 0 .. 255: what differs more where it moved along can be seen
ALONG = 31  # pixels of the model's image, across: so near to the subject the flow moves the background along
STAYED = 0.95  # so surely in its place that it shows what the background is
UNCOVERED = 0.4  # confidence below which a pixel is to be painted
RIM = 9  # pixels of the model's image: how wide a rim around a gap has to fit
STRUCTURED = 0.75  # the continued rim must fit so much better than the generator's
EVEN = 10.0  # levels, of all channels together: what differs by less is grain, and plain background goes on everywhere
REFINED = 384  # pixels of the layer: side of the window in which the place is found to the pixel


def bare_background(found: Correspondence, start: Matte, layer: np.ndarray) -> np.ndarray:
    """Where `layer` [h, w, 4], 0 .. 255, shows its background before the edit, [h, w], 0 .. 1.

    start: of the image before the edit.
    """
    bare = cv2.erode((start.coverage < 0.5).astype(np.float32), np.ones((BESIDE, BESIDE), np.uint8))
    shown = shows_background(layer, found)
    plain = weighted_blur(shown, found.background.astype(np.float32), COLOUR_BLUR, FAR) > PLAIN
    bare[plain & (shown < 1 - PLAIN)] = 0  # the layer shows something that the generator has missed
    return blur(bare, 0.8)


def keep_background(found: Correspondence, matte: Matte, bare: np.ndarray, layer: np.ndarray) -> Correspondence:
    """Let no background move along beside the subject where the layer has a structure that the generator does not show.

    Args:
        found: where each pixel comes from.
        matte: of the image after the edit.
        bare: as bare_background() gives it.
        layer: [h, w, 4], 0 .. 255.
    """
    structure = bare[..., None] * (layer[..., :3] - 127.5 * (found.start + 1))  # which the generator does not show
    displaced = blur(np.abs(warp(structure, found.flow) - structure).max(axis=2), 3.0) > STRUCTURE
    beside = cv2.dilate(matte.coverage, np.ones((ALONG, ALONG), np.uint8)) > 0.5
    background = displaced & beside & (matte.coverage < 0.5)
    stays = np.minimum(bare, background)
    still = np.maximum(found.still, resample((2 * stays - 1).clip(0, 1), found.still.shape))
    moved = background & (resample(still, background.shape) < 0.5)
    return found._replace(still=still, confidence=found.confidence * (1 - blur(moved.astype(np.float32), 0.8)))


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
    matcher = _PatchMatcher(original, background)
    result = []
    for part in _gaps(uncovered):
        gap = cv2.dilate(part.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        rim = (cv2.dilate(gap.astype(np.uint8), np.ones((RIM, RIM), np.uint8)) > 0) & background
        offset = matcher.place_for(gap, rim, generated)
        if offset is not None:
            result.append(_continuation(small, gap, rim, offset, matcher.scale))
    return result


def _gaps(uncovered: np.ndarray) -> list[np.ndarray]:
    """The largest parts of `uncovered`, bool [h, w]: what is wide in one piece, a band along an outline in many."""
    wide = cv2.morphologyEx(uncovered.astype(np.uint8), cv2.MORPH_OPEN, np.ones((WIDE, WIDE), np.uint8))
    wide = (cv2.dilate(wide, np.ones((3, 3), np.uint8)) > 0) & uncovered
    gaps = _parts(wide)
    for y, x in np.ndindex(*(-(-length // BAND) for length in uncovered.shape)):
        cell = np.zeros_like(uncovered)
        cell[y * BAND : (y + 1) * BAND, x * BAND : (x + 1) * BAND] = True
        gaps += _parts(uncovered & ~wide & cell)
    return sorted((gap for gap in gaps if gap.sum() >= SMALLEST_GAP), key=lambda gap: -int(gap.sum()))[:MOST_GAPS]


def _parts(area: np.ndarray) -> list[np.ndarray]:
    count, parts = cv2.connectedComponents(area.astype(np.uint8))
    return [parts == part for part in range(1, count)]


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
        lowest = max(reach - x, 0), max(reach - y, 0)
        highest = width - side - max(x + reach, 0), height - side - max(y + reach, 0)
        if lowest[0] > highest[0] or lowest[1] > highest[1]:  # no window and its counterpart are both in the layer
            return x, y
        left = int(np.clip(column * self.scale[0] - side / 2, lowest[0], highest[0]))
        top = int(np.clip(row * self.scale[1] - side / 2, lowest[1], highest[1]))
        rows, columns = np.arange(top, top + side) / self.scale[1], np.arange(left, left + side) / self.scale[0]
        mask = rim[rows.astype(int)][:, columns.astype(int)].astype(np.float32)
        here = _seen(self.original[top : top + side, left : left + side])
        there = _seen(
            self.original[top + y - reach : top + y + reach + side, left + x - reach : left + x + reach + side]
        )
        if not mask.any():
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
