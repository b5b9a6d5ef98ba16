"""Layers with a transparent ground: the model shows the subject before a plain one that it can be told from."""

from __future__ import annotations

import numpy as np
import torch

from backend.editing.editor import Editor
from backend.editing.pixels import over_ground, to_pixels
from backend.editing.preset import LoadedModel
from backend.editing.settings import InversionSettings
from stylegan2.critters.making import factors
from stylegan2.critters.making.renderer import render
from tests.benchmarks.patterned_heads import BACKGROUND, surface

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


def test_the_model_shows_a_cut_out_before_that_ground(critters: LoadedModel):
    animal = factors.random(5, psi=0.7)
    height, width = critters.model.generator.image_size
    pixels = render(animal, height, width)[0].permute(1, 2, 0).numpy()
    behind = (surface(animal, height, width).part == BACKGROUND).view(height, width).numpy()
    editor = Editor(critters)
    editor.open(np.dstack([pixels, np.where(behind, 0, 255).astype(np.uint8)]), settings=InversionSettings(steps=40))
    shown = to_pixels(editor.image(editor.result().state.start_w_plus)).astype(int)
    assert shown[behind].mean() < shown[~behind].mean() - 60, "a white animal, before a dark ground"
