"""The outline of what moved, laid onto that of the edited image: between subject and background flow is least sure."""

from __future__ import annotations

import cv2
import numpy as np

from backend.editing.correspondence import Correspondence
from backend.editing.filters import blur, weighted_blur
from backend.editing.matte import Matte
from backend.editing.optical_flow import warp

# in pixels of the model's image, but for the last three
SMOOTH = 1.5
MOST = 6.0  # outlines that are farther apart are not the same
BAND = 3.0  # so near to the outline its own distance counts
REACH, FAR = 2.5, 6.0  # so far along the outline it is averaged
INWARDS = 8.0  # so far from the outline what lies there moves with it
MOVED = 3.0  # what moved less stays with the layer's own outline
KNOWN = 0.15  # share of the surroundings whose distance has to be known
DOUBT = 3.0  # the power by which a confidence counts less
GAIN = 0.02  # of -1 .. 1: so much better the colours have to fit for all of the shift to be right


def align_outlines(found: Correspondence, start: Matte, end: Matte) -> Correspondence:
    """Shift the flow across outlines by the distance between the moved one and that of the edited image.

    Args:
        found: where each pixel comes from.
        start: of the image before the edit.
        end: of the image after it.
    """
    before, after = _signed_distance(start.coverage), _signed_distance(end.coverage)
    distance = after - warp(before, found.flow)
    smooth = blur(before, SMOOTH)
    slope = np.dstack([cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)]) / 8
    normal = warp(slope, found.flow)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 0.3)
    near = np.exp(-np.square(distance / MOST) - np.square(after / BAND))
    near *= (np.linalg.norm(found.flow, axis=2) / MOVED).clip(0, 1) * end.outline * warp(start.outline, found.flow)
    shift = weighted_blur(distance[..., None] * normal, near, REACH, FAR)
    shift *= ((blur(near, REACH) / KNOWN).clip(0, 1) * np.exp(-np.square(after / INWARDS)))[..., None]
    better = blur(((_misfit(found, found.flow) - _misfit(found, found.flow + shift)) / GAIN).clip(0, 1), 2.0)
    return found._replace(flow=found.flow + better[..., None] * shift)


def drop_traces(found: Correspondence, start: Matte, end: Matte) -> Correspondence:
    """Believe less in the subject where the flow takes it beyond its outline: what is half sure there shows as a trace.

    Args:
        found: where each pixel comes from.
        start: of the image before the edit.
        end: of the image after it.
    """
    beyond = ((warp(start.coverage, found.flow) > 0.5) & (end.coverage < 0.5)).astype(np.uint8)
    beyond = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))  # an outline may be a pixel off
    near = cv2.dilate(beyond, np.ones((3, 3), np.uint8)) * end.outline * (end.coverage < 0.5)
    doubt = (1.5 * blur(near.astype(np.float32), 0.8)).clip(0, 1)
    return found._replace(confidence=found.confidence ** (1 + DOUBT * doubt))


def _misfit(found: Correspondence, flow: np.ndarray) -> np.ndarray:
    return blur(np.abs(warp(found.start, flow) - found.end).max(axis=2), 2.0)


def _signed_distance(coverage: np.ndarray) -> np.ndarray:
    """The distance of each pixel from the outline, [h, w], pixels: more than 0 in the subject."""
    inside = (blur(coverage, 1.0) > 0.5).astype(np.uint8)
    inner, outer = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (inside, 1 - inside))
    most = max(inside.shape)  # without an outline it has no end
    return blur((inner - outer).clip(-most, most), 0.8)
