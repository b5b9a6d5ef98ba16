"""Which part of each pixel of the generator's image is subject, and which is background: an alpha matte."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from backend.editing.correspondence import Correspondence
from backend.editing.filters import blur, weighted_blur
from backend.editing.misplaced import shows_background

COLOUR_BLUR, FAR = 6.0, 24.0  # pixels of the model's image
HALO = 0.35  # of -1 .. 1: what differs more from the background nearby is none
CONNECTED = 0.3  # so much of it connects parts of the background
RIM = 5  # pixels, across: so much of the generator's subject is mixed with what is behind
BESIDE = 2.0  # pixels: so near to the rim are the colours that are mixed there
NO_CONTRAST = 0.1  # of -1 .. 1: so little between subject and background is none
MIXTURE = 0.4  # share of the contrast by which a mixture of two colours may be off
SOFTNESS = 0.3  # a generator's outlines are softer than a cut-out's: so much of either colour is all of it


class Matte(NamedTuple):
    """An image as subject before background, all [h, w] or [h, w, 3].

    Attributes:
        background: 0 .. 1, one or the other, but at edges.
        coverage: 0 .. 1, how much of each pixel is subject; at an outline by its colour.
        subject_colours: -1 .. 1, those of the subject nearby.
        outline: 0 .. 1, where the colours are a mixture of both sides of an outline.
    """

    background: np.ndarray
    coverage: np.ndarray
    subject_colours: np.ndarray
    outline: np.ndarray


def start_matte(found: Correspondence, layer: np.ndarray) -> Matte:
    """The matte of the image before the edit.  layer: [h, w, 4], 0 .. 255."""
    return _matte(found.start, found.start_background_likeness(), found.start_subject, found, layer)


def end_matte(found: Correspondence, warped: np.ndarray) -> Matte:
    """The matte of the image after the edit.  warped: [h, w, 4], 0 .. 255, the layer, warped."""
    return _matte(found.end, found.background_likeness(), found.subject, found, warped)


def _matte(
    image: np.ndarray, likeness: np.ndarray, subject: np.ndarray, found: Correspondence, layer: np.ndarray
) -> Matte:
    background = _background(image, likeness, subject, found, layer)
    rim = np.ones((RIM, RIM), np.uint8)
    behind, before = (
        weighted_blur(image, cv2.erode(side, rim), BESIDE, FAR) for side in (background, 1 - background)
    )
    difference = before - behind
    contrast = np.square(difference).sum(axis=2)
    share = ((image - behind) * difference).sum(axis=2) / (contrast + 1e-3)
    mixture = behind + share.clip(0, 1)[..., None] * difference
    misfit = np.square(image - mixture).sum(axis=2) / (contrast + NO_CONTRAST**2)
    reach = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    near = np.minimum(cv2.dilate(background, reach), cv2.dilate(1 - background, reach))
    outline = blur((near * np.exp(-misfit / MIXTURE**2)).astype(np.float32), 1.0)
    mixed = ((share - SOFTNESS) / (1 - 2 * SOFTNESS)).clip(0, 1).astype(np.float32)
    coverage = 1 - background + outline * (mixed - 1 + background)
    return Matte(background, coverage, before, outline)


def _background(
    image: np.ndarray, likeness: np.ndarray, subject: np.ndarray, found: Correspondence, layer: np.ndarray
) -> np.ndarray:
    """Where `image` [h, w, 3] shows background, halos that the generator makes around the subject included, [h, w]."""
    stayed = found.background.astype(np.float32)
    from_background = np.abs(image - weighted_blur(image, stayed, COLOUR_BLUR, FAR)).max(axis=2)
    alike = np.exp(-np.square(from_background / HALO))
    surely_subject = np.square(1 - alike) * (1 - stayed)
    from_subject = np.abs(image - weighted_blur(image, surely_subject, COLOUR_BLUR, FAR)).max(axis=2)
    nearer = from_subject / (from_background + from_subject + 1e-6)
    halo = np.clip(4 * nearer - 1.5, 0, 1) * alike * shows_background(layer, found)
    plain = np.clip(4 * likeness - 0.5, 0, 1)
    background = np.maximum(plain, halo * (1 - subject)).astype(np.float32)
    # a part of the subject may look like background, but it is not connected to it
    _, parts = cv2.connectedComponents((background > CONNECTED).astype(np.uint8), connectivity=4)
    return background * np.isin(parts, np.union1d(np.unique(parts[found.background]), 0))
