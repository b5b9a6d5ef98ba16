"""Parts of the subject that the inversion has put elsewhere, or left out: they move in one piece, or stay."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from backend.editing.correspondence import Correspondence, like_background
from backend.editing.filters import blur, resample

UNLIKE = 0.4  # subject in the one and background in the other
DIFFERENT = 0.15  # of -1 .. 1: layer and inverted image, where the one shows something else than the other
THIN = 5  # pixels: an outline that is a little off is no part
SMALLEST, LARGEST = 40, 0.1  # pixels; share of the image: a larger part is the subject, which was not found at all
RIM, LEFT_BEHIND = 6, 3.0  # pixels: so wide a rim of what moved so far is erased where the inverted image misses it
RING = 11  # pixels, across: what lies so near to a part is beside it
BESIDE_MOVED = 0.2  # share of the ring: beside so much that moved it moves, too
MOSTLY_PLAIN = 0.65  # the same in the mean, of all rims
PLAIN = 0.8  # how much alike the background beside has to be for subject and background to be told apart


def follow_misplaced(found: Correspondence, layer: np.ndarray) -> Correspondence:
    """Keep whole what `layer` [h, w, 4], 0 .. 255, shows otherwise than the generator's start image.

    The generator knows nothing of an ear that it has found in another place. Its motion there is that of other things
    and would tear it: half of it moves and half stays. It moves as what it sits on; and where the generator moves one
    that is not there, the layer's background stays.
    """
    empty = shows_background(layer, found)
    flow, confidence, still = found.flow.copy(), found.confidence.copy(), found.still.copy()
    background, changed = found.background.copy(), found.moved.copy()
    # the subject is before all this: as the generator shows it at the end; and the layer's, as it was and as it moved
    subject = found.moved & (found.background_likeness() < UNLIKE)
    own = (empty < UNLIKE).astype(np.float32)
    own = _grown(np.maximum(own, found.warp(own)) > 0.5, 3)  # with its outline
    differs = blur(np.abs(layer[..., :3] / 127.5 - 1 - found.start).max(axis=2), 1.5) > DIFFERENT
    for part, missing in _misplaced(found, empty, differs):
        step = _motion_beside(found, part)
        shift = np.array([[1, 0, -step[0]], [0, 1, -step[1]]], np.float32)
        there = cv2.warpAffine(part.astype(np.uint8), shift, part.shape[::-1]) > 0
        left, there = part & ~subject, there & ~(subject if missing else own)
        if missing:
            confidence[left], background[left] = 0, False  # what it leaves is uncovered
            flow[there & ~found.moved] = step
            changed |= left | there
        confidence[there] = 1
        decided = left | there if missing else there
        still[resample(decided.astype(np.float32), still.shape) > 0.5] = 0.0 if missing else 1.0
    left = _left_rim(found, empty, differs)
    confidence[left], background[left] = 0, False
    still[resample(left.astype(np.float32), still.shape) > 0.5] = 0.0
    changed |= left
    return found._replace(flow=flow, confidence=confidence, still=still, background=background, moved=changed)


def _left_rim(found: Correspondence, shown: np.ndarray, differs: np.ndarray) -> np.ndarray:
    """The rim of the layer's subject outside of the inverted one, where it has left, bool [h, w].

    shown: [h, w], 0 .. 1, how much the layer is background.  differs: bool [h, w], from the inverted image.
    """
    bare = np.minimum(like_background(found.start, found.start, found.background), found.background_likeness())
    far = found.moved & (np.linalg.norm(found.flow, axis=2) > LEFT_BEHIND)
    rim = (bare - shown > UNLIKE) & differs & _grown(far, 2 * RIM + 1) & ~found.moved
    beside = shown[_grown(rim, 2 * RING) & found.background]
    if not beside.size or beside.mean() < MOSTLY_PLAIN:
        return np.zeros_like(rim)
    return _grown(rim, 3) & ~found.moved


def shows_background(layer: np.ndarray, found: Correspondence) -> np.ndarray:
    """How much each pixel of `layer` [h, w, 4], 0 .. 255, is background: transparent, or like what stayed nearby.

    Returns [h, w], 0 .. 1.
    """
    colours = blur(layer[..., :3], 1.0) / 127.5 - 1  # without its grain
    opaque = layer[..., 3] / 255
    return 1 - opaque * (1 - like_background(colours, found.start, found.background))


def _misplaced(found: Correspondence, shown: np.ndarray, differs: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    """The parts, bool [h, w], that are subject in the layer and background in the start image, and the other way round.

    shown: [h, w], 0 .. 1, how much the layer is background.  differs: bool [h, w], from the start image. The second
    value tells that the start image misses it.
    """
    inverted = like_background(found.start, found.start, found.background)
    for missing in (False, True):
        unlike = (blur(inverted - shown if missing else shown - inverted, 1.5) > UNLIKE) & differs
        unlike = cv2.morphologyEx(unlike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((THIN, THIN), np.uint8))
        count, parts, stats, _ = cv2.connectedComponentsWithStats(unlike)
        for number in range(1, count):
            part = _grown(parts == number, 2 * THIN - 1)  # with its outline
            beside = shown[_grown(part, 2 * RING) & found.background]
            plain = bool(beside.size) and np.median(beside) > PLAIN
            if plain and SMALLEST <= stats[number, cv2.CC_STAT_AREA] <= LARGEST * unlike.size:
                yield part, missing


def _motion_beside(found: Correspondence, part: np.ndarray) -> np.ndarray:
    """The flow of what `part` sits on, float32 [2]; none where that stays."""
    around = _grown(part, RING) & ~part & (found.confidence > 0.5)
    moved = around & found.moved
    if moved.sum() <= BESIDE_MOVED * around.sum():
        return np.zeros(2, np.float32)
    return found.flow[moved].mean(axis=0)


def _grown(area: np.ndarray, width: int) -> np.ndarray:
    return cv2.dilate(area.astype(np.uint8), np.ones((width, width), np.uint8)) > 0
