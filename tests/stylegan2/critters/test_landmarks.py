"""Landmarks against the image: they lie on what they name, move as they should, know when they hide."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stylegan2.critters.making import factors, renderer
from stylegan2.critters.making.anatomy import animals
from stylegan2.critters.making.factors import changed
from stylegan2.critters.making.rays import cast, march

PLAIN = torch.full((1, 36), 0.5)
SIZE = 128


def place(animal: Tensor, name: str) -> tuple[float, float]:
    points, _ = renderer.landmarks(animal, SIZE)
    x, y = points[0, renderer.landmark(name)].tolist()
    return x, y


def seen(animal: Tensor, name: str) -> bool:
    _, visible = renderer.landmarks(animal, SIZE)
    return bool(visible[0, renderer.landmark(name)])


def without(animal: Tensor, name: str, low: float, high: float) -> Tensor:
    """Which pixels change when a factor does, `[H, W]`."""
    images = [renderer.render(changed(animal, name, value), SIZE)[0].float() for value in (low, high)]
    return (images[0] - images[1]).abs().amax(0) > 20


def nearest(mask: Tensor, x: float, y: float) -> float:
    """Distance from a point to the nearest pixel of a mask."""
    rows, columns = mask.nonzero().T + 0.5
    return float(torch.hypot(columns - x, rows - y).min())


def test_there_is_a_point_and_a_visibility_for_each_name():
    points, visible = renderer.landmarks(factors.random(0, 3), 50, 70)
    assert points.shape == (3, len(renderer.LANDMARKS), 2)
    assert visible.shape == (3, len(renderer.LANDMARKS))
    assert set(visible.flatten().tolist()) <= {0.0, 1.0}


def test_an_unknown_landmark_is_refused():
    with pytest.raises(KeyError, match="no landmark 'tail'"):
        renderer.landmark("tail")


@pytest.mark.parametrize("seed", range(6))
def test_the_nose_landmark_lies_on_pixels_of_the_noses_colour(seed: int):
    animal = changed(factors.random(seed, 1, psi=0.7), "pale parts", 0.4)  # a dark nose
    x, y = place(animal, "nose")
    image = renderer.render(animal, SIZE)[0].float()
    assert animals(animal).nose.max() < 0.2
    # the tip itself may carry the highlight: the darkest pixel right beside it
    window = image[:, int(y) - 1 : int(y) + 3, int(x) - 2 : int(x) + 3].amax(0)
    assert window.min() < 75


def test_ear_tips_lie_on_the_outline_of_the_ears():
    for length in (0.1, 0.9):
        animal = changed(PLAIN, "ear length", length)
        edge = without(animal, "ear tips", 0.0, 1.0)  # the dark tips
        for name in ("right ear tip", "left ear tip"):
            assert nearest(edge, *place(animal, name)) < 2.5


def test_mouth_corners_and_chin_bound_the_part_that_opens():
    animal = changed(PLAIN, "mouth open", 0.6)
    opening = without(animal, "mouth open", 0.6, 0.8)
    for name in ("right mouth corner", "left mouth corner", "lower lip", "chin"):
        assert nearest(opening, *place(animal, name)) < 4


def test_eyes_lie_within_the_eyeballs():
    irises = without(PLAIN, "iris", 0.2, 0.8)
    for name in ("right eye", "left eye"):
        x, y = place(PLAIN, name)
        columns = irises[int(y)].nonzero()[:, 0]
        near = columns[(columns - x).abs() < 14]
        assert near.min() < x < near.max()


def test_right_and_left_are_the_viewers():
    for part in ("ear tip", "eye", "mouth corner"):
        assert place(PLAIN, f"right {part}")[0] > SIZE / 2 > place(PLAIN, f"left {part}")[0]


@pytest.mark.parametrize(
    ("factor", "name", "axis", "sign"),
    [
        ("yaw", "nose", 0, 1),
        ("pitch", "nose", 1, 1),
        ("roll", "crown", 0, -1),
        ("x", "chin", 0, 1),
        ("y", "chin", 1, -1),
        ("ear length", "left ear tip", 1, -1),
        ("mouth open", "lower lip", 1, 1),
        ("smile", "right mouth corner", 1, -1),
    ],
)
def test_raising_a_factor_moves_the_landmark_its_way(factor: str, name: str, axis: int, sign: int):
    low, high = place(changed(PLAIN, factor, 0.4), name), place(changed(PLAIN, factor, 0.7), name)
    assert sign * (high[axis] - low[axis]) > 1


def test_places_scale_with_the_height_and_stay_in_the_middle_of_a_wide_image():
    animal = factors.random(9, 1, psi=0.7)
    small, _ = renderer.landmarks(animal, 64)
    large, _ = renderer.landmarks(animal, 128)
    wide, _ = renderer.landmarks(animal, 64, 100)
    assert torch.allclose(2 * small, large, atol=1e-3)
    assert torch.allclose(small + torch.tensor([18.0, 0.0]), wide, atol=1e-3)


def test_everything_is_seen_from_the_front():
    assert renderer.landmarks(PLAIN, SIZE)[1].min() == 1


def test_the_far_mouth_corner_hides_behind_the_snout_of_a_turned_head():
    turned = changed(changed(PLAIN, "yaw", 1.0), "snout length", 1.0)
    assert not seen(turned, "right mouth corner")
    assert seen(turned, "left mouth corner")
    turned = changed(turned, "yaw", 0.0)
    assert seen(turned, "right mouth corner")
    assert not seen(turned, "left mouth corner")


def test_what_is_outside_the_image_is_not_seen():
    tall = PLAIN
    for name, value in {"ear length": 1.0, "size": 1.0, "y": 1.0, "ear splay": 0.0}.items():
        tall = changed(tall, name, value)
    assert place(tall, "left ear tip")[1] < 0
    assert not seen(tall, "left ear tip")


@pytest.mark.parametrize("face_width", [0.1, 0.5, 0.9])
def test_the_heads_width_is_that_of_its_outline(face_width: float):
    """Widest row of pixels that show the animal, above the chin, when the ears are too small to count."""
    animal = changed(PLAIN, "face width", face_width)
    for name in ("ear length", "ear splay", "ear width"):
        animal = changed(animal, name, 0.0)
    across = (torch.arange(SIZE) + 0.5) * 2 / SIZE - 1
    rays = cast(across.repeat(SIZE), -across.repeat_interleave(SIZE), animals(animal))
    shown = march(rays).isfinite().view(SIZE, SIZE)
    widest = int(shown[: int(place(animal, "chin")[1])].sum(1).max())
    assert float(renderer.head_width(animal, SIZE)[0]) == pytest.approx(widest, abs=2)
