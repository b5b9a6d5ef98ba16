"""Layers with a transparent ground: the model shows the subject before a plain one that it can be told from."""

from __future__ import annotations

import numpy as np
import torch

from backend.editing.editor import Editor
from backend.editing.pixels import GROUND, over_ground, to_pixels
from backend.editing.preset import LoadedModel
from backend.editing.settings import InversionSettings

SIDE = 32
MIDDLE = slice(SIDE // 4, 3 * SIDE // 4)


def square(tone: float) -> tuple[torch.Tensor, torch.Tensor]:
    """An image with a square of one tone in the middle, and its alpha."""
    weight = torch.zeros(1, 1, SIDE, SIDE)
    weight[..., MIDDLE, MIDDLE] = 1
    return torch.full((1, 3, SIDE, SIDE), tone), weight


def test_the_ground_is_dark_behind_a_light_subject_and_light_behind_a_dark_one():
    for tone in (-0.4, 0.4):
        image, weight = square(tone)
        laid, _ = over_ground(image, weight, torch.ones_like(weight))
        assert (laid[..., MIDDLE, MIDDLE] == tone).all(), "the subject stays as it is"
        assert abs(float(laid[0, 0, 0, 0]) - tone) > 1


def test_the_ground_counts_less_than_the_subject_and_nothing_counts_beyond_the_layer():
    image, weight = square(0.4)
    inside = torch.ones_like(weight)
    inside[..., : SIDE // 8, :] = 0
    _, counts = over_ground(image, weight, inside)
    assert (counts[..., MIDDLE, MIDDLE] == 1).all()
    assert (counts[..., : SIDE // 8, :] == 0).all()
    assert 0 < float(counts[0, 0, -1, -1]) < 0.5


def test_the_model_shows_a_cut_out_before_a_ground_unlike_it(critters: LoadedModel, w_plus: torch.Tensor):
    pixels = to_pixels(critters.model.generator.synthesis(w_plus, noise_mode="const"))
    height, width = pixels.shape[:2]
    cut = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (0.3 * min(height, width)) ** 2
    cut[..., 3] = np.where(inside, 255, 0)
    editor = Editor(critters)
    editor.open(cut, settings=InversionSettings(steps=20))
    shown = to_pixels(editor.image(editor.result().state.start_w_plus)).astype(int)
    corners = np.concatenate([shown[:8, :8], shown[:8, -8:]]).mean()
    dark, light = (127.5 * (1 - GROUND), 127.5 * (1 + GROUND))
    assert min(abs(corners - dark), abs(corners - light)) < 40
