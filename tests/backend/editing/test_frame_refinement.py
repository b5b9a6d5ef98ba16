"""A frame that is some percent and degrees off is refined together with the code of what it shows."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from backend.editing import frame_refinement
from backend.editing.frame import Frame
from backend.editing.frame_refinement import FrameStep, refine_frame
from backend.editing.pixels import to_pixels
from backend.editing.preset import LoadedModel
from backend.editing.settings import InversionSettings

TRUE = Frame(200.0, 150.0, 0.8, 15.0)
SIDE = 0.8 * 256
OFF = Frame(200.0 - 0.05 * SIDE, 150.0 + 0.05 * SIDE, 0.8 * 1.05, 9.0)
LAYER_SIZE = (300, 400)


@pytest.fixture(scope="module")
def layer(critters: LoadedModel, w_plus: torch.Tensor) -> np.ndarray:
    """The generated animal, turned and shrunk; around it its border goes on."""
    pixels = to_pixels(critters.model.generator.synthesis(w_plus, noise_mode="const"))
    matrix = TRUE.matrix((256, 256))
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    laid = cv2.warpAffine(pixels, matrix, LAYER_SIZE[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.dstack([laid, np.full(LAYER_SIZE, 255, np.uint8)])


def shift(frame: Frame) -> float:
    """How far its centre is off, as a share of its side."""
    return math.hypot(frame.x - TRUE.x, frame.y - TRUE.y) / SIDE


def refined(critters: LoadedModel, layer: np.ndarray, frame: Frame, code: torch.Tensor, steps: int) -> list[FrameStep]:
    return list(refine_frame(critters.model, layer, frame, code, InversionSettings(), steps))


def test_a_frame_that_is_off_comes_near(critters: LoadedModel, layer: np.ndarray, w_plus: torch.Tensor) -> None:
    steps = refined(critters, layer, OFF, w_plus, 18)
    last = steps[-1]
    assert [step.step for step in steps] == list(range(1, 19))
    assert last.loss < 0.4 * steps[0].loss
    assert shift(last.frame) < 0.5 * shift(OFF)
    assert abs(last.frame.roll - TRUE.roll) < 0.65 * abs(OFF.roll - TRUE.roll)
    assert last.w_plus.shape == w_plus.shape
    assert not last.w_plus.requires_grad


def test_it_stays_near_where_it_began(
    critters: LoadedModel, layer: np.ndarray, w_plus: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it began at the layer's corner, and sees nothing of the layer in most of its image."""
    monkeypatch.setattr(frame_refinement, "STEP_SIZE", 0.4)
    corner = Frame(5.0, 5.0, 0.8, 0.0)
    last = refined(critters, layer, corner, w_plus, 2)[-1].frame
    assert last != corner
    assert max(abs(last.x - 5), abs(last.y - 5)) <= 0.2 * SIDE + 1e-3
    assert abs(math.log(last.scale / 0.8)) <= 0.25 + 1e-6
    assert abs(last.roll) <= 20 + 1e-4
