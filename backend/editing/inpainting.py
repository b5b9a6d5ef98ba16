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
from backend.editing.matte import COLOUR_BLUR, FAR, RIM, Matte
from backend.editing.optical_flow import CUBIC, read

ALPHA_BLUR = 2.0  # pixels of the model's image
OPAQUE = 254.5  # of 0 .. 255: a layer with no less alpha has nothing transparent
MISPLACED = 40.0  # of 0 .. 255: where the inverted image misses the layer by as much, it shows something else
ALPHA_SURE = 0.3  # confidence from which on the layer's own alpha is right
TRACE = 8.0  # of 0 .. 255: so little of a painted pixel's alpha, or so little missing from it, is an error


class Painting(NamedTuple):
    """What stands on one side of an outline, as if there were no other.

    colours: [h', w', 3], 0 .. 255.  grain: a tile of it, or None.  strength: [h, w], of the grain.
    """

    colours: np.ndarray
    grain: np.ndarray | None
    strength: np.ndarray

    def at(self, block: Block) -> np.ndarray:
        """Its colours in a block of the layer, float32 [n, m, 3]."""
        colours = block.enlarged(self.colours, CUBIC)
        if self.grain is not None:
            colours += block.enlarged(self.strength)[..., None] * laid(self.grain, block.rows, block.columns)
        return colours


class Inpainting(NamedTuple):
    """The subject before its background: two paintings, and which of them shows.

    coverage: [h, w], 0 .. 1, how much of each pixel is subject.  alpha: [h, w], 0 .. 255.
    gaps: parts of the background into which the layer's own is continued.
    bare: [h, w], 0 .. 1, where the layer shows its background itself.
    """

    subject: Painting
    background: Painting
    coverage: np.ndarray
    alpha: np.ndarray
    gaps: list[Continuation]
    bare: np.ndarray

    def at(self, block: Block, source: np.ndarray) -> np.ndarray:
        """The painted pixels of a block of `source` (uint8 [H, W, 4]), float32 [n, m, 4], 0 .. 255."""
        alpha = block.enlarged(self.alpha)
        painted = np.dstack([self.background.at(block), alpha])
        for gap in self.gaps:
            share = block.enlarged(gap.share)[..., None]
            if not share.any():
                continue
            beside = read(source, block.pixels() + np.array(gap.offset, np.float32)).astype(np.float32)
            beside[..., :3] += block.enlarged(gap.light)
            painted += share * (beside - painted)
        painted += block.enlarged(self.bare)[..., None] * (source[block.slices] - painted)
        subject = np.dstack([self.subject.at(block), alpha])
        return painted + block.outlined(self.coverage)[..., None] * (subject - painted)


def inpaint(
    source: np.ndarray, small: np.ndarray, found: Correspondence, matte: Matte, bare: np.ndarray, now: torch.Tensor
) -> Inpainting:
    """Prepare what stands where nothing of the layer can be moved.

    Args:
        source: uint8 [H, W, 4], the layer.
        small: [h, w, 4], 0 .. 255, the same at the size of the correspondence.
        found: where each pixel comes from.
        matte: of the image after the edit.
        bare: [h, w], 0 .. 1, where the layer shows its background.
        now: [3, h', w'], -1 .. 1, what the generator shows after the edit.
    """
    warped = found.warp(small)
    sides = _Sides(found.background, matte.background)
    subject, background = _colour_corrections(small, found, sides, matte)
    alpha = warped[..., 3]
    if alpha.min() < OPAQUE:
        alpha = _alpha(alpha, found, sides, matte.coverage)
        rim = cv2.dilate((alpha < 255 / 2).astype(np.float32), np.ones((2 * RIM + 1,) * 2, np.uint8))
        uncovered = rim * (1 - matte.coverage) * (1 - matte.outline)
        subject += 127.5 * uncovered[..., None] * (matte.subject_colours - found.end)
        background += rim[..., None] * (subject - background)  # what is transparent has no colour of its own
    painted = 127.5 * (now.permute(1, 2, 0).contiguous().float().cpu().numpy() + 1)
    subject, background = (painted + cv2.resize(added, painted.shape[1::-1]) for added in (subject, background))
    background_grain, subject_grain = _grains(source, found, sides)
    return Inpainting(
        Painting(subject, *subject_grain),
        Painting(background, *background_grain),
        matte.coverage,
        alpha,
        continue_background(source, found, resample(background, small.shape), sides.background),
        bare,
    )


class _Sides:
    """Means of what lies around each painted pixel: background from background, subject from subject."""

    def __init__(self, stayed: np.ndarray, background: np.ndarray) -> None:
        """stayed: bool [h, w].  background: [h, w], 0 .. 1, of the image after the edit."""
        self.stayed, self.background = stayed.astype(np.float32), background

    def behind(self, values: np.ndarray, weight: np.ndarray, sigma: float = COLOUR_BLUR) -> np.ndarray:
        """The mean of `values` [h, w] or [h, w, C], as far as `weight` knows them, of the background alone."""
        return weighted_blur(values, weight * self.stayed, sigma, FAR)

    def before(self, values: np.ndarray, weight: np.ndarray, sigma: float = COLOUR_BLUR) -> np.ndarray:
        """The same of the subject alone."""
        return weighted_blur(values, weight * (1 - self.stayed), sigma, FAR)

    def mixed(self, behind: np.ndarray, before: np.ndarray) -> np.ndarray:
        """`behind` [h, w, C] where the generator paints background, `before` where it paints the subject."""
        return (before + self.background[..., None] * (behind - before)).astype(np.float32)


def _colour_corrections(
    small: np.ndarray, found: Correspondence, sides: _Sides, matte: Matte
) -> tuple[np.ndarray, np.ndarray]:
    """What is added to the generator's colours for the subject and for the background, [h, w, 3], 0 .. 255.

    It is what the generator misses of the layer's colours around, and beside an outline what makes it all subject or
    all background.
    """
    start, end = 127.5 * (found.start + 1), 127.5 * (found.end + 1)
    missed = small[..., :3] - start
    shown = np.exp(-np.square(blur(np.abs(missed).max(axis=2), 1.0) / MISPLACED)) * small[..., 3] / 255
    known = found.confidence * found.warp(shown.astype(np.float32))
    warped = found.warp(missed)
    subject, background = sides.before(warped, known), sides.behind(warped, known)
    mixed = sides.mixed(background, subject)
    # where the generator has made a halo beside what moved, the layer's background has none
    halo = sides.background * (1 - found.background_likeness())
    plain = sides.behind(found.warp(small[..., :3]), known) - end
    mixed += halo[..., None] * (plain - mixed)
    subject += 127.5 * (1 - matte.coverage)[..., None] * (matte.subject_colours - found.end)
    outline = matte.outline[..., None]
    return mixed + outline * (subject - mixed), mixed + outline * (plain - mixed)


def _grains(source: np.ndarray, found: Correspondence, sides: _Sides) -> list[tuple[np.ndarray | None, np.ndarray]]:
    """Grain for what is painted: background like the layer's background, subject like its subject."""
    grain, painted = grain_strength(source, found.confidence.shape), 1 - found.confidence
    known = found.warp(grain)
    grains = []
    for share, stayed, mean in (
        (sides.background, sides.stayed, sides.behind),
        (1 - sides.background, 1 - sides.stayed, sides.before),
    ):
        strength = mean(known, found.confidence)
        target = float((strength * share * painted).sum() / max(float((share * painted).sum()), 1e-6))
        grains.append((grain_tile(source, grain, target, stayed), strength))
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
