"""What stands where nothing of the layer can be moved: what the generator shows, made like the layer around it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch

from backend.editing.background import Continuation, continue_background
from backend.editing.blocks import Block
from backend.editing.correspondence import Correspondence
from backend.editing.filters import blur, resample, weighted_blur
from backend.editing.grain import grain_strength, grain_tile, laid
from backend.editing.misplaced import shows_background
from backend.editing.optical_flow import CUBIC, read

COLOUR_BLUR, ALPHA_BLUR, SUBJECT_BLUR, FAR = 6.0, 2.0, 4.0, 24.0  # pixels of the model's image
OPAQUE = 254.5  # of 0 .. 255: a layer with no less alpha has nothing transparent
RIM = 5  # pixels, across: so much of the generator's subject is mixed with what is behind
SOFTNESS = 0.3  # a generator's outlines are softer than a cut-out's: so much of either colour is all of it
MISPLACED = 40.0  # of 0 .. 255: where the inverted image misses the layer by as much, it shows something else
HALO = 0.35  # of -1 .. 1: what differs more from the background nearby is none
ALPHA_SURE = 0.3  # confidence from which on the layer's own alpha is right
TRACE = 8.0  # of 0 .. 255: so little of a painted pixel's alpha, or so little missing from it, is an error


class Inpainting(NamedTuple):
    """Colours and alpha, 0 .. 255, at the model's size, and what makes them fine enough for the layer.

    generated: [h', w', 3].  alpha: [h, w].  grains: tiles, and the strength [h, w] of each.
    background: gaps that the layer's background fills instead.
    """

    generated: np.ndarray
    alpha: np.ndarray
    grains: list[tuple[np.ndarray, np.ndarray]]
    background: list[Continuation]

    def at(self, block: Block, source: np.ndarray) -> np.ndarray:
        """The painted pixels of a block of `source` (uint8 [H, W, 4]), float32 [n, m, 4], 0 .. 255."""
        colours = block.enlarged(self.generated, CUBIC)
        for tile, strength in self.grains:
            colours += block.enlarged(strength)[..., None] * laid(tile, block.rows, block.columns)
        painted = np.dstack([colours, block.enlarged(self.alpha)])
        for gap in self.background:
            share = block.enlarged(gap.share)[..., None]
            if not share.any():
                continue
            beside = read(source, block.pixels() + np.array(gap.offset, np.float32)).astype(np.float32)
            beside[..., :3] += block.enlarged(gap.light)
            painted += share * (beside - painted)
        return painted


def inpaint(source: np.ndarray, small: np.ndarray, found: Correspondence, now: torch.Tensor) -> Inpainting:
    """Prepare what stands where nothing of the layer can be moved.

    Args:
        source: uint8 [H, W, 4], the layer.
        small: [h, w, 4], 0 .. 255, the same at the size of the correspondence.
        found: where each pixel comes from.
        now: [3, h', w'], -1 .. 1, what the generator shows after the edit.
    """
    sides = _Sides(found, found.warp(small))
    painted = now.permute(1, 2, 0).contiguous().float().cpu().numpy()
    corrections, alpha = _colour_corrections(small, found, sides), found.warp(small[..., 3])
    if alpha.min() < OPAQUE:
        covered, subject = sides.coverage(found.end, 1 - small[..., 3] / 255)
        alpha = _alpha(alpha, found, sides, covered)
        rim = cv2.dilate((alpha < 255 / 2).astype(np.float32), np.ones((2 * RIM + 1,) * 2, np.uint8)) * (1 - covered)
        corrections += 127.5 * rim[..., None] * (subject - found.end)  # without what is behind a cut-out
    generated = 127.5 * (painted + 1) + cv2.resize(corrections, painted.shape[1::-1])
    return Inpainting(
        generated,
        alpha,
        _grains(source, found, sides),
        continue_background(source, found, resample(generated, small.shape), sides.background),
    )


class _Sides:
    """Means of what lies around each painted pixel: background from background, subject from subject."""

    def __init__(self, found: Correspondence, warped: np.ndarray) -> None:
        """warped: [h, w, 4], 0 .. 255, the layer's pixels, warped."""
        self.stayed = found.background.astype(np.float32)
        ground = np.abs(found.end - self.behind(found.end, np.ones_like(self.stayed))).max(axis=2)
        alike = np.exp(-np.square(ground / HALO))
        subject = np.abs(found.end - self.before(found.end, np.square(1 - alike))).max(axis=2)
        nearer = subject / (ground + subject + 1e-6)
        halo = np.clip(4 * nearer - 1.5, 0, 1) * alike * shows_background(warped, found)
        plain = np.clip(4 * found.background_likeness() - 0.5, 0, 1)
        self.background = np.maximum(plain, halo * (1 - found.subject)).astype(
            np.float32
        )  # [h, w], 0 .. 1: one or the other, but at edges

    def mean(self, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Of `values` [h, w] or [h, w, C], as far as `weight` [h, w] knows them."""
        return self.mixed(self.behind(values, weight), self.before(values, weight))

    def behind(self, values: np.ndarray, weight: np.ndarray, sigma: float = COLOUR_BLUR) -> np.ndarray:
        """The same of the background alone."""
        return weighted_blur(values, weight * self.stayed, sigma, FAR)

    def before(self, values: np.ndarray, weight: np.ndarray, sigma: float = COLOUR_BLUR) -> np.ndarray:
        """The same of the subject alone."""
        return weighted_blur(values, weight * (1 - self.stayed), sigma, FAR)

    def coverage(self, image: np.ndarray, transparent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How much of each pixel of `image` [h, w, 3] is subject, by its colour, [h, w]; and the subject's nearby.

        transparent: [h, w], 0 .. 1, of the layer before the edit.
        """
        inner = cv2.erode(1 - self.background, np.ones((RIM, RIM), np.uint8))
        ground, subject = self.behind(image, transparent + 1e-6), self.before(image, inner, SUBJECT_BLUR)
        difference = subject - ground
        share = ((image - ground) * difference).sum(axis=2) / (np.square(difference).sum(axis=2) + 1e-3)
        return ((share - SOFTNESS) / (1 - 2 * SOFTNESS)).clip(0, 1).astype(np.float32), subject

    def mixed(self, behind: np.ndarray, before: np.ndarray) -> np.ndarray:
        """`behind` where the generator paints background, `before` where it paints the subject."""
        share = self.background if behind.ndim == 2 else self.background[..., None]
        return (before + share * (behind - before)).astype(np.float32)


def _colour_corrections(small: np.ndarray, found: Correspondence, sides: _Sides) -> np.ndarray:
    """What is added to the generator's colours, [h, w, 3], 0 .. 255: what it misses of the layer's colours around."""
    start, end = 127.5 * (found.start + 1), 127.5 * (found.end + 1)
    missed = small[..., :3] - start
    shown = np.exp(-np.square(blur(np.abs(missed).max(axis=2), 1.0) / MISPLACED)) * small[..., 3] / 255
    known = found.confidence * found.warp(shown.astype(np.float32))
    colours = sides.mean(found.warp(missed), known)
    # where the generator has made a halo beside what moved, the layer's background has none
    halo = sides.background * (1 - found.background_likeness())
    plain = sides.behind(found.warp(small[..., :3]), known) - end
    return colours + halo[..., None] * (plain - colours)


def _grains(source: np.ndarray, found: Correspondence, sides: _Sides) -> list[tuple[np.ndarray, np.ndarray]]:
    """Grain for what is painted: background like the layer's background, subject like its subject."""
    grain, painted = grain_strength(source, found.confidence.shape), 1 - found.confidence
    strength = sides.mean(found.warp(grain), found.confidence)
    grains = []
    for share, stayed in ((sides.background, sides.stayed), (1 - sides.background, 1 - sides.stayed)):
        target = float((strength * share * painted).sum() / max(float((share * painted).sum()), 1e-6))
        tile = grain_tile(source, grain, target, stayed)
        if tile is not None:
            grains.append((tile, strength * share))
    return grains


def _alpha(alpha: np.ndarray, found: Correspondence, sides: _Sides, covered: np.ndarray) -> np.ndarray:
    """[h, w], 0 .. 255: that of the background around where the generator paints background, else the subject's.

    alpha: [h, w], 0 .. 255, that of the layer, moved.  covered: [h, w], 0 .. 1, how much the generator paints subject.
    """
    still = resample(found.still, alpha.shape)
    # neither is to count what is the edge of the other
    ground = np.square(np.square(2 * alpha / 255 - 1)) + 1e-3
    subject = found.confidence * (1 - still) * ((alpha / 255) ** 4 + 1e-3)
    behind, before = sides.behind(alpha, ground, ALPHA_BLUR), sides.before(alpha, subject, ALPHA_BLUR)
    mixed = behind + covered * (before - behind)
    mixed = ((mixed - TRACE) / (255 - 2 * TRACE)).clip(0, 1) * 255
    # colours that have changed make a place painted sooner than they make it another thing
    mixed += (found.confidence / ALPHA_SURE).clip(0, 1) * (alpha - mixed)
    for opaque in (True, False):  # holes and islands that only the generator has made are none
        shown = alpha + (1 - found.confidence) * (mixed - alpha) > 127.5
        known = (alpha > 127.5) & (found.confidence > 0.5)
        area, own = (~shown, ~known & (found.confidence > 0.5)) if opaque else (shown, known)
        _, parts = cv2.connectedComponents(area.astype(np.uint8), connectivity=4)
        invented = area & ~np.isin(parts, np.unique(parts[own & area]))
        mixed[cv2.dilate(invented.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = 255 if opaque else 0
    return mixed
