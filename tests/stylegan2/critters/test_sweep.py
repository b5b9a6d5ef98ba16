"""A sweep finds the value an image was rendered with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylegan2.critters.making import factors, renderer
from stylegan2.critters.making.factors import changed
from stylegan2.critters.making.sweep import fine_sweep, sweep, swept_factor

ANIMAL = factors.random(11, 1, psi=0.6)
VALUES = [0.1, 0.3, 0.5, 0.7, 0.9]


def image(animal: torch.Tensor, height: int = 40, width: int = 56) -> np.ndarray:
    return renderer.render(animal, height, width)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("name", "value"), [("yaw", 0.7), ("ear length", 0.9), ("mouth open", 0.5)])
def test_the_value_a_image_was_rendered_with_comes_back(name: str, value: float):
    edited = image(changed(ANIMAL, name, value))
    assert swept_factor(edited, ANIMAL, name, VALUES) == value
    assert sweep(edited, ANIMAL, name, VALUES).error == 0


def test_a_value_between_those_tried_gives_the_nearest_one():
    assert swept_factor(image(changed(ANIMAL, "yaw", 0.66)), ANIMAL, "yaw", VALUES) == 0.7


def test_a_sweep_in_two_stages_at_half_the_size_is_as_exact():
    edited = image(changed(ANIMAL, "ear length", 0.63), 96, 96)
    assert fine_sweep(edited, ANIMAL, "ear length", height=48).value == pytest.approx(0.63, abs=0.011)  # 0.62 or 0.64


def test_noise_and_wrong_colours_elsewhere_do_not_matter_within_a_box():
    edited = image(changed(ANIMAL, "yaw", 0.7)).copy()
    edited[:, :14] = 255 - edited[:, :14]
    found = sweep(edited, ANIMAL[0], "yaw", VALUES, box=(14, 0, 56, 40))
    assert found.value == 0.7
    assert found.error == 0
    assert sweep(edited, ANIMAL[0], "yaw", VALUES).error > 100


def test_nothing_to_try_and_an_empty_box_are_refused():
    with pytest.raises(ValueError, match="at least one value"):
        sweep(image(ANIMAL), ANIMAL, "yaw", [])
    with pytest.raises(ValueError, match="no pixel"):
        sweep(image(ANIMAL), ANIMAL, "yaw", VALUES, box=(60, 0, 70, 40))
