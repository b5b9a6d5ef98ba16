"""Where each pixel of the edited image comes from: it stayed, it moved, or the image before does not show it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.filters import blur, resample, weighted_blur
from backend.editing.optical_flow import CUBIC, dense_flow, interpolate_flow, trajectory_flow, warp
from backend.editing.segmentation import segment

LONGEST_SIDE = 256  # images are compared at this size at most
FINER = 2  # whether a pixel stayed or moved is decided at this many times their size
PIXELS_PER_STEP = 12.0  # motion from one image of the trajectory to the next
MOST_STEPS = 4  # more add up more small errors than they avoid (measured)
STILL_FEATURES = 0.10  # features, in their own spread, that differ by less belong to something that stayed
SEEN = 1.0  # pixels: a smaller motion is none
OUTLINE = 25  # pixels, across: how wide around what stayed the decision is made anew from the colours
BESIDE_OUTLINE = 5  # pixels, across: so near to an outline features and flow are of both
LIKE_BACKGROUND = 0.12  # of -1 .. 1: how far the colours of a background differ from place to place
CHANGED_FEATURES = 0.35  # as STILL_FEATURES, but belongs to something that moved; between, it votes for neither
STRAND = 5  # pixels, across, at FINER times the size: a thinner moving thing is a stray piece of an outline
FEATURE_ODDS = 3.0  # how much likelier a pixel stayed, or moved, where its features vote for it
DECISIVE = 8  # a mixture of both would show everything twice
MATCH = 0.16  # of -1 .. 1: how far colours may differ where the right place was found
STRETCH = 0.15  # share of a motion by which the flows there and back may disagree, besides RETURN
RETURN = 3.0  # pixels
FIT = 0.22  # of -1 .. 1: colours that differ by as much have changed their look
STRAIN = 1.3  # natural logarithm of the stretch or squeeze that is too much where the colours do not fit, either
STRAIN_FIT = 0.1  # of -1 .. 1: how far colours nearby differ where they do not
UNSURE = 0.08  # so little confidence is none: a trace of what has left would be seen
STILL_FIT = 0.12  # the same for what stayed, where nothing is resampled


class EditImages(NamedTuple):
    """What the generator shows of an edit, along the straight line in W+ from its start to its end.

    Attributes:
        image: returns [3, h, w], -1 .. 1, at a share 0 .. 1 of the line.
        features: returns [C, h', w'] of a middle block, at a share 0 .. 1 of the line.
    """

    image: Callable[[float], torch.Tensor]
    features: Callable[[float], torch.Tensor]

    @classmethod
    def along(cls, generator: stylegan2.Generator, start: torch.Tensor, end: torch.Tensor, block: int) -> EditImages:
        """Return the images between two codes.

        The path that the code really took is no better (measured), and longer after a drag there and back.

        Args:
            generator: of the edit.
            start: [1, num_ws, w_dim].
            end: [1, num_ws, w_dim].
            block: resolution of the synthesis block of the features.
        """

        @functools.cache
        @torch.no_grad()
        def image(share: float) -> torch.Tensor:
            return generator.synthesis(torch.lerp(start, end, share), noise_mode="const")[0].clamp(-1, 1)

        @torch.no_grad()
        def features(share: float) -> torch.Tensor:
            return generator.synthesis.features(torch.lerp(start, end, share), block=block)[0]

        return cls(image, features)


class Correspondence(NamedTuple):
    """How the edited image (end) follows from the one before (start), both [h, w, 3], -1 .. 1.

    Attributes:
        start: the image before.
        end: the image after.
        flow: [h, w, 2], pixels: end(p) shows start(p + flow(p)) where something moved.
        still: [FINER h, FINER w], 0 .. 1: where the pixel stayed in place instead.
        background: bool [h, w]: what surely stayed, out to the border.
        moved: bool [h, w]: what surely moved, by its features and its flow; plain things show it in nothing else.
        subject: [h, w], 0 .. 1: how surely end shows what moves there, by its features; none of it near an outline.
        start_subject: the same of start.
        confidence: [h, w], 0 .. 1: where one of both is believed; elsewhere start does not show what end shows.
    """

    start: np.ndarray
    end: np.ndarray
    flow: np.ndarray
    still: np.ndarray
    background: np.ndarray
    moved: np.ndarray
    subject: np.ndarray
    start_subject: np.ndarray
    confidence: np.ndarray

    def background_likeness(self) -> np.ndarray:
        """How much each pixel of the end looks like the background, and not like what moves: [h, w], 0 .. 1."""
        return like_background(self.end, self.end, self.background) * (1 - self.subject)

    def start_background_likeness(self) -> np.ndarray:
        """The same of the start."""
        return like_background(self.start, self.start, self.background) * (1 - self.start_subject)

    def warp(self, image: np.ndarray) -> np.ndarray:
        """Warp `image` [h, w] or [h, w, C] from the start of the edit to its end, where that is known."""
        still = resample(self.still, image.shape)
        still = still if image.ndim == 2 else still[..., None]
        return still * image + (1 - still) * warp(image, self.flow, CUBIC if image.ndim == 3 else cv2.INTER_LINEAR)


def find_correspondence(images: EditImages) -> Correspondence:
    """Follow everything from the start to the end of an edit."""
    start, end = (to_array(images.image(share)) for share in (0.0, 1.0))
    flow, back = _flows(images, start, end)
    features = images.features(0.0), images.features(1.0)
    change = _feature_change(*features, start.shape[:2])
    background = _connected_to_border(change < STILL_FEATURES)
    outline = _grown(background, OUTLINE)
    beside_background = _grown(background, BESIDE_OUTLINE)
    inner, outer = ~_grown(~background, BESIDE_OUTLINE), ~beside_background
    flow = _smoothed(flow, back, start, end, background, beside_background)
    back = np.where(background[..., None], 0, back).astype(np.float32)
    moves = np.linalg.norm(flow, axis=2) > SEEN
    start_subject, subject = segment(*features, inner, outer & moves & (change > CHANGED_FEATURES))
    moved, sure = moves & (change > STILL_FEATURES), np.ones(start.shape[:2], np.float32)
    found = Correspondence(start, end, flow, sure, background, moved, subject, start_subject, sure)
    feature_vote = (STILL_FEATURES + CHANGED_FEATURES - 2 * change) / (CHANGED_FEATURES - STILL_FEATURES)
    # features reach beyond the outline
    feature_vote = np.maximum(feature_vote, 2 * found.background_likeness() - 1)
    still = _still(start, end, flow, feature_vote.clip(-1, 1).astype(np.float32), outline)
    found = found._replace(still=still, moved=moved & (resample(still, moved.shape) < 0.5))
    return found._replace(confidence=_confidence(found, back))


def to_array(image: torch.Tensor) -> np.ndarray:
    """[C, h, w] to float32 [h, w, C] of LONGEST_SIDE at most."""
    scale = max(max(image.shape[1:]) // LONGEST_SIDE, 1)
    return F.avg_pool2d(image[None].float(), scale)[0].permute(1, 2, 0).contiguous().cpu().numpy()


def like_background(image: np.ndarray, shown: np.ndarray, background: np.ndarray) -> np.ndarray:
    """How much each pixel of `image` looks like the nearest `background` (bool [h, w]) of `shown`, [h, w], 0 .. 1."""
    known = background.astype(np.float32)
    nearby = weighted_blur(shown, known, 6.0, 24.0)
    like = np.exp(-np.square(np.abs(image - nearby).max(axis=2) / LIKE_BACKGROUND))
    return like * (blur(known, 24.0) > 1e-4)  # nothing is like what is not there


def _flows(images: EditImages, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The flow from start to end, and the one back, of as few steps as the largest motion needs."""
    # the first step tells how far all go: in one leap the flow finds little just where it fails
    first = dense_flow(start, to_array(images.image(1 / MOST_STEPS)))
    farthest = MOST_STEPS * float(np.quantile(np.linalg.norm(first, axis=2), 0.99))
    steps = max(min(int(np.ceil(farthest / PIXELS_PER_STEP)), MOST_STEPS), 1)
    between = [to_array(images.image(step / steps)) for step in range(1, steps)]
    trajectory = [start, *between, end]
    return trajectory_flow(trajectory), trajectory_flow(trajectory[::-1])


def _feature_change(before: torch.Tensor, after: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """How far the features [C, h', w'] of each place differ between start and end, [h, w], in their own spread.

    Colours do not tell what moved: plain background stays, but plain fur turns with the head.
    """
    spread = before.std(dim=(1, 2), keepdim=True) + 1e-6
    change = ((after - before).abs() / spread).mean(dim=0, keepdim=True)
    change = F.interpolate(change[None].float(), size, mode="bilinear", align_corners=False)[0, 0]
    return blur(change.cpu().numpy(), 1.0)


def _connected_to_border(area: np.ndarray) -> np.ndarray:
    """The parts of `area` that reach the border: patches inside of what moves look still because they are plain."""
    _, parts = cv2.connectedComponents(area.astype(np.uint8), connectivity=4)
    at_border = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    return np.isin(parts, np.setdiff1d(at_border, 0))


def _smoothed(
    flow: np.ndarray, back: np.ndarray, start: np.ndarray, end: np.ndarray, still: np.ndarray, outline: np.ndarray
) -> np.ndarray:
    """The flow of what moves, continued beyond its outline, and from where it is sure to where it is not."""
    inside = (~outline).astype(np.float32)
    beyond = weighted_blur(flow, inside, 4.0, 10.0)
    flow = np.where((outline & (blur(inside, 4.0) > 0.005))[..., None], beyond, flow).astype(np.float32)
    away = np.linalg.norm(warp(np.where(still[..., None], 0, back).astype(np.float32), flow) + flow, axis=2)
    returns = np.exp(-np.square(away / (1 + 0.1 * np.linalg.norm(flow, axis=2))))
    fits = np.exp(-np.square(blur(np.abs(warp(start, flow) - end).max(axis=2), 1.0) / 0.15))
    grey = end.mean(axis=2)
    edges = blur(cv2.Sobel(grey, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(grey, cv2.CV_32F, 0, 1) ** 2, 1.5)
    subject = 1 - like_background(end, end, still)  # how plain background seems to move is how the head beside it does
    weight = returns * fits * edges / (edges + 0.002) * np.where(outline, 0.2, 1.0) * subject
    return interpolate_flow(flow, weight.astype(np.float32), 0.1)


def _still(
    start: np.ndarray, end: np.ndarray, flow: np.ndarray, feature_vote: np.ndarray, outline: np.ndarray
) -> np.ndarray:
    """Return [FINER h, FINER w], 0 .. 1: near the outline of what moves, the likelier of both by the colours.

    Args:
        feature_vote: [h, w], -1 (moved) .. 1 (stayed), what is known besides.
    """
    size = (FINER * start.shape[1], FINER * start.shape[0])
    fine_start, fine_end, fine_warped = (
        cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) for image in (start, end, warp(start, flow, CUBIC))
    )
    near = blur(cv2.resize(outline.astype(np.float32), size), 1.5)
    changed = cv2.dilate(np.abs(fine_end - fine_start).max(axis=2), np.ones((5, 5), np.uint8))
    likely = np.exp(-np.square(blur(changed, 0.7) / MATCH)) * near
    likely = likely * FEATURE_ODDS ** cv2.resize(feature_vote, size)
    other = np.exp(-np.square(blur(_misfit(fine_end, fine_warped), 1.0) / MATCH))
    likely, other = likely**DECISIVE, other**DECISIVE
    still = cv2.morphologyEx(likely / (likely + other + 1e-9), cv2.MORPH_CLOSE, np.ones((STRAND, STRAND), np.uint8))
    return blur(still, 0.7).astype(np.float32)


def _confidence(found: Correspondence, back: np.ndarray) -> np.ndarray:
    """Return [h, w], 0 .. 1, from the flows there and back, and from the colours that are left over."""
    still = resample(found.still, found.start.shape)
    away = np.linalg.norm(warp(back, found.flow) + found.flow, axis=2) * (1 - still)
    returns = np.exp(-np.square(away / (RETURN + STRETCH * np.linalg.norm(found.flow, axis=2))))
    warped = found.warp(found.start)
    # an outline that was moved may be a pixel off: the layer's own, a little beside, is better than a blurred one
    residual = still * np.abs(warped - found.end).max(axis=2) + (1 - still) * _misfit(found.end, warped)
    residual = blur(residual.astype(np.float32), 1.0)
    fit = FIT + still * (STILL_FIT - FIT)
    sure = (returns * np.exp(-np.square(residual / fit))).astype(np.float32)
    strain = (_strain(found.flow) * (1 - still) / STRAIN) ** 4 * (blur(residual, 3.0) / STRAIN_FIT).clip(0, 1)
    sure *= np.exp(-strain)
    sure = blur(cv2.erode(sure, np.ones((3, 3), np.uint8)), 1.2)
    return ((sure - UNSURE) / (1 - 2 * UNSURE)).clip(0, 1)


def _strain(flow: np.ndarray) -> np.ndarray:
    """How much a flow stretches or squeezes, [h, w]: the larger logarithm of its singular values."""
    smooth = blur(flow, 1.0)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8
    a, b, c, d = 1 + across[..., 0], down[..., 0], across[..., 1], 1 + down[..., 1]
    half, rest = np.hypot(a + d, c - b) / 2, np.hypot(a - d, c + b) / 2
    return np.maximum(np.log(half + rest + 1e-3), -np.log(np.abs(half - rest) + 1e-3))


def _misfit(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far `image` is outside of what `other` shows within a pixel, [h, w]: an edge may be a pixel off."""
    around = np.ones((3, 3), np.uint8)
    above, below = image - cv2.dilate(other, around), cv2.erode(other, around) - image
    return np.maximum(np.maximum(above, below), 0).max(axis=2)


def _grown(area: np.ndarray, width: int) -> np.ndarray:
    return cv2.dilate(area.astype(np.uint8), np.ones((width, width), np.uint8)) > 0
