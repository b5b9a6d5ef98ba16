"""Our engine with another tracker: by a library, on the images alone, or by none.

No learned point tracker comes with its weights by pip; the library's is that of Lucas and Kanade.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

import stylegan2
from backend.editing.drag_loop import DragLoop
from backend.editing.feature_map import FeatureMap
from backend.editing.motion_supervision import LONGEST, PULL, SHORTEST
from backend.editing.optical_flow import dense_flow, read
from backend.editing.settings import DragSettings


class _ImageTrackedLoop(DragLoop, ABC):
    """Sees the image after each step; its arguments are those of a DragLoop."""

    def __init__(
        self,
        generator: stylegan2.Generator,
        w_plus: Tensor,
        handles: np.ndarray,
        goals: Sequence[np.ndarray],
        mask: Tensor | None,
        settings: DragSettings,
    ) -> None:
        super().__init__(generator, w_plus, handles, goals, mask, settings)
        self.generator = generator
        self.image = self._image()

    def _track(self, features: FeatureMap) -> None:
        before, self.image = self.image, self._image()
        points = self.points.numpy()
        height, width = self.image.shape[:2]
        found = points + self._motion(before, self.image, points.astype(np.float32))
        self.points = self._tensor(np.clip(found, 0, [width, height]))

    @abstractmethod
    def _motion(self, before: np.ndarray, after: np.ndarray, points: np.ndarray) -> np.ndarray:
        """How far points [N, 2] of an image float32 [h, w, 3], -1 .. 1, have moved in the next."""

    @torch.no_grad()
    def _image(self) -> np.ndarray:
        image = self.generator.synthesis(self.code.w_plus())[0].clamp(-1, 1)
        return image.permute(1, 2, 0).contiguous().numpy()


class FlowTrackedLoop(_ImageTrackedLoop):
    """Tracks by OpenCV's dense optical flow (DIS) from step to step: the paper's row of RAFT, by what is installed."""

    def _motion(self, before: np.ndarray, after: np.ndarray, points: np.ndarray) -> np.ndarray:
        return read(dense_flow(after, before), points[None] - 0.5)[0]


class SparselyTrackedLoop(_ImageTrackedLoop):
    """Tracks by OpenCV's point tracker (Lucas and Kanade, in pyramids) from step to step."""

    def _motion(self, before: np.ndarray, after: np.ndarray, points: np.ndarray) -> np.ndarray:
        first, second = (((image + 1) * 127.5).round().astype(np.uint8) for image in (before, after))
        places = (points - 0.5)[:, None]
        found, ok, _ = cv2.calcOpticalFlowPyrLK(first, second, places, places.copy())
        return np.where(ok > 0, (found - places)[:, 0], 0.0)


class UntrackedLoop(DragLoop):
    """Takes for granted that each handle went as far as it was pulled."""

    def _track(self, features: FeatureMap) -> None:
        points, left = self.points, self._targets(self.handles) - self.points
        distance = left.norm(dim=-1, keepdim=True)
        pull = torch.minimum((PULL * distance).clamp(SHORTEST, LONGEST), distance)
        self.points = points + left / distance.clamp(min=1e-6) * pull
