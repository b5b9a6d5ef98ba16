"""Images of animals: what is in them, how they depend on size and factors."""

from __future__ import annotations

import pytest
import torch

from stylegan2.critters.making import factors, renderer
from stylegan2.critters.making.factors import changed

PLAIN = torch.full((1, 36), 0.5)


def difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.float() - b.float()).abs()


def test_images_are_bytes_of_the_asked_size():
    images = renderer.render(factors.random(0, 2), 24, 40)
    assert images.shape == (2, 3, 24, 40)
    assert images.dtype == torch.uint8
    assert renderer.render(PLAIN, 16).shape == (1, 3, 16, 16)


def test_the_same_factors_give_the_same_image_to_the_bit():
    animal = factors.random(3, 1)
    assert torch.equal(renderer.render(animal, 32), renderer.render(animal, 32))


def test_an_animal_looks_the_same_alone_and_among_others():
    many = factors.random(4, 3)
    together, alone = renderer.render(many, 32), torch.cat([renderer.render(one[None], 32) for one in many])
    assert difference(together, alone).max() <= 1


@pytest.mark.parametrize("rays", [100, 1500])  # many portions for one animal, portions with two animals
def test_portions_do_not_show(monkeypatch: pytest.MonkeyPatch, rays: int):
    many = factors.random(5, 2)
    whole = renderer.render(many, 32)
    monkeypatch.setattr(renderer, "CPU_RAYS", rays)
    assert difference(renderer.render(many, 32), whole).max() <= 1


def test_a_wide_image_shows_the_square_scene_in_its_middle():
    square, wide = renderer.render(PLAIN, 32), renderer.render(PLAIN, 32, 48)
    # the outermost columns of the square one have no neighbours to be smoothed with
    assert difference(wide[..., 9:39], square[..., 1:31]).max() <= 1


def test_a_large_image_is_the_small_one_with_more_pixels():
    small, large = renderer.render(PLAIN, 48).float(), renderer.render(PLAIN, 96).float()
    assert difference(torch.nn.functional.avg_pool2d(large, 2), small).mean() < 2


def test_a_head_as_such_is_the_mirror_image_of_itself_under_a_light_from_the_middle():
    image = renderer.render(changed(PLAIN, "eye openness", 0.0), 48)  # reflections in eyes are not mirrored
    assert difference(image, image.flip(-1)).mean() < 1.5  # a yaw of 0.55 instead of 0.5 makes it 4.8


def test_the_fur_of_the_forehead_has_the_colour_that_is_asked_for():
    fox, blue = (renderer.render(changed(PLAIN, "fur colour", value), 48)[0] for value in (0.0, 0.625))
    row, column = 14, 17  # beside the blaze
    assert fox[0, row, column] > fox[2, row, column] + 60
    assert blue[2, row, column] > blue[0, row, column] + 40


def test_every_factor_changes_the_image():
    # a closed mouth, a missing mask and the like have a range in which they change nothing: look at the ends
    animal = changed(changed(PLAIN, "mouth open", 0.8), "eye mask", 0.9)
    low, high = (
        renderer.render(torch.cat([changed(animal, name, value) for name in factors.NAMES]), 32)
        for value in (0.05, 0.95)
    )
    changes = difference(low, high).amax((1, 2, 3))
    assert [name for name, change in zip(factors.NAMES, changes, strict=True) if change < 12] == []


def test_looks_change_no_outline():
    looks = [name for name in factors.NAMES if name not in factors.GEOMETRY]
    assert len(looks) == 13 - 1
    other = PLAIN.clone()
    for name in ("fur colour", "iris", "blaze"):
        other = changed(other, name, 0.9)
    ground = renderer.render(PLAIN, 48)
    changes = difference(renderer.render(other, 48), ground).amax(1)[0] > 3
    assert changes.any()
    assert not changes[:, :4].any()  # background
    assert not changes[:4].any()


@pytest.mark.parametrize(("height", "width"), [(0, 10), (10, 0), (-1, None)])
def test_a_image_without_pixels_is_refused(height: int, width: int | None):
    with pytest.raises(ValueError, match="at least 1 x 1"):
        renderer.render(PLAIN, height, width)


def test_factors_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\[N, 36\]"):
        renderer.render(torch.zeros(1, 35), 8)


def test_tiny_and_narrow_images_work():
    assert renderer.render(PLAIN, 1, 1).shape == (1, 3, 1, 1)
    assert renderer.render(PLAIN, 9, 2).shape == (1, 3, 9, 2)
