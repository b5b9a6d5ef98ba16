"""A subject that stands smaller, off-centre or tilted in the layer: what the model sees of it, and where that lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.editing.frame import Frame
from backend.editing.points import Drag
from backend.editing.region import Region
from backend.errors import UserError

MODEL_SIZE = (96, 128)
LAYER_SIZE = (400, 500)
FRAME = Frame(240.0, 190.0, 2.3, 15.0)


def picture(points: np.ndarray) -> np.ndarray:
    """Colours 0 .. 255, [..., 3], at points [..., 2] of the model's image: soft stripes in three directions."""
    ways = np.array([[0.25, 0.05], [-0.1, 0.2], [0.15, -0.2]])
    return 128 + 100 * np.sin(points @ ways.T)


def centres(size: tuple[int, int]) -> np.ndarray:
    """(x, y) of the centres of all pixels, [height, width, 2]."""
    return np.dstack(np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5))


def layer_with_picture(frame: Frame, size: tuple[int, int] = LAYER_SIZE) -> np.ndarray:
    """A layer, uint8 [*size, 4], on which the picture lies in a frame, and goes on beyond it."""
    colours = picture(frame.to_model(centres(size), MODEL_SIZE)).round().astype(np.uint8)
    return np.dstack([colours, np.full(size, 255, np.uint8)])


def test_points_go_there_and_back() -> None:
    points = np.array([[0.0, 0.0], [17.5, 99.25], [499.0, 3.0]])
    np.testing.assert_allclose(FRAME.to_layer(FRAME.to_model(points, MODEL_SIZE), MODEL_SIZE), points, atol=1e-9)
    np.testing.assert_allclose(FRAME.to_layer(np.array([64.0, 48.0]), MODEL_SIZE), [240, 190])


def test_the_roll_is_clockwise() -> None:
    right = Frame(100.0, 50.0, 2.0, 90.0).to_layer(np.array([64 + 10, 48]), MODEL_SIZE)
    np.testing.assert_allclose(right, [100, 50 + 20], err_msg="what is right in the model's image is below")


def test_its_sides_say_how_far_inside_a_point_is() -> None:
    inside = FRAME.sides(MODEL_SIZE) @ (*FRAME.to_layer(np.array([3, 5]), MODEL_SIZE), 1)
    np.testing.assert_allclose(inside, np.array([3, 5, 128 - 3, 96 - 5]) * 2.3)


@pytest.mark.parametrize(
    "frame", [FRAME, Frame(240.0, 190.0, 0.6, -20.0), Frame(250.0, 200.0, 1.7, 0.0), Frame(230.0, 200.0, 1.0, 180.0)]
)
def test_the_model_sees_the_picture_upright_and_filling_its_image(frame: Frame) -> None:
    region = Region.framed(frame, LAYER_SIZE, MODEL_SIZE)
    seen = region.shrink(region.crop(layer_with_picture(frame)))
    assert seen.shape == (*MODEL_SIZE, 4)
    missed = np.abs(seen[..., :3] - picture(centres(MODEL_SIZE)))
    assert missed.mean() < 1.5
    assert missed.max() < 8
    assert (seen[..., 3] == 255).all()


def test_where_there_is_no_layer_the_model_sees_nothing() -> None:
    frame = Frame(30.0, 200.0, 2.0, 10.0)
    region = Region.framed(frame, LAYER_SIZE, MODEL_SIZE)
    assert region.x == 0
    seen = region.shrink(region.crop(layer_with_picture(frame)))
    x = frame.to_layer(centres(MODEL_SIZE), MODEL_SIZE)[..., 0]
    assert (seen[x < -7, 3] == 0).all()
    assert (seen[x > 7, 3] == 255).all()
    assert np.abs(seen[np.abs(x) < 0.5, 3] - 128.0).mean() < 40
    assert np.abs(seen[..., :3] - picture(centres(MODEL_SIZE)))[x > 3].max() < 8, "nothing of beyond comes in"


def test_a_frame_can_see_nothing_where_its_rectangle_shows_something() -> None:
    region = Region.framed(Frame(-60.0, -60.0, 1.0, 45.0), LAYER_SIZE, MODEL_SIZE)
    assert region.is_empty(region.crop(layer_with_picture(FRAME)))
    seeing = Region.framed(Frame(-60.0, -45.0, 1.0, 0.0), LAYER_SIZE, MODEL_SIZE)
    assert not seeing.is_empty(seeing.crop(layer_with_picture(FRAME)))


def test_a_frame_that_is_a_rectangle_shows_what_the_rectangle_does() -> None:
    rectangle = Region(110, 90, 256, 192, MODEL_SIZE)
    framed = Region.framed(Frame(110 + 128.0, 90 + 96.0, 2.0, 0.0), LAYER_SIZE, MODEL_SIZE)
    assert framed.box == rectangle.box
    assert framed.shorter_side == rectangle.shorter_side
    points = np.array([[0.0, 0.0], [200.0, 3.0]])
    np.testing.assert_allclose(framed.to_model(points), rectangle.to_model(points))
    noise = np.random.default_rng(0).integers(0, 256, (*LAYER_SIZE, 4), np.uint8)
    noise[..., 3] = 255
    one, other = (region.shrink(region.crop(noise)).astype(int) for region in (framed, rectangle))
    assert np.abs(one - other).mean() < 0.03 * other.std()
    x, y = np.arange(256, dtype=np.float32) + 0.5, np.arange(192, dtype=np.float32) + 0.5
    np.testing.assert_allclose(framed.inside(x, y, LAYER_SIZE, 8), rectangle.inside(x, y, LAYER_SIZE, 8), atol=1e-6)


def test_the_rectangle_is_the_one_around_as_far_as_there_is_a_layer() -> None:
    corners = FRAME.corners(MODEL_SIZE)
    region = Region.framed(FRAME, LAYER_SIZE, MODEL_SIZE)
    assert 0 <= corners[:, 0].min() - region.x < 1
    assert 0 <= region.y + region.height - corners[:, 1].max() < 1
    cut = Region.framed(FRAME, (200, 260), MODEL_SIZE)
    assert cut.box == (region.x, region.y, 260 - region.x, 200 - region.y)
    with pytest.raises(UserError, match="beside the layer"):
        Region.framed(FRAME, (30, 30), MODEL_SIZE)


def test_a_point_beside_the_frame_is_refused_though_it_is_in_the_rectangle() -> None:
    region = Region.framed(FRAME, LAYER_SIZE, MODEL_SIZE)
    corner, middle = (region.x + 2.0, region.y + 2.0), (240.0, 190.0)
    region.check_inside([Drag(middle, (250, 200))])
    with pytest.raises(UserError, match="294 x 221 pixels around 240, 190, turned by 15 degrees"):
        region.check_inside([Drag(middle, corner)])
    beyond = Region.framed(Frame(20.0, 190.0, 2.3, 15.0), LAYER_SIZE, MODEL_SIZE)
    with pytest.raises(UserError, match="handle at -5, 190 lies outside"):
        beyond.check_inside([Drag((-5, 190), (20, 190))])


def test_the_mask_is_seen_through_the_frame() -> None:
    region, mask = Region.framed(FRAME, LAYER_SIZE, MODEL_SIZE), np.zeros(LAYER_SIZE, np.uint8)
    mask[FRAME.to_model(centres(LAYER_SIZE), MODEL_SIZE)[..., 0] < 40] = 255
    region.check_mask(mask, LAYER_SIZE)
    small = region.shrink_mask(region.crop(mask))
    assert (small[:, :39] == 255).all()
    assert (small[:, 41:] == 0).all()
    beside = np.zeros(LAYER_SIZE, np.uint8)
    beside[region.y : region.y + 20, region.x : region.x + 20] = 255
    with pytest.raises(UserError, match="Nothing may move"):
        region.check_mask(beside, LAYER_SIZE)


def test_it_ends_softly_at_its_sides_inside_the_layer_and_not_at_the_layers_own() -> None:
    frame = Frame(40.0, 190.0, 2.0, 10.0)
    region = Region.framed(frame, LAYER_SIZE, MODEL_SIZE)
    x, y = (np.arange(length, dtype=np.float32) + 0.5 for length in region.box[2:])
    inside = region.inside(x, y, LAYER_SIZE, 10)
    place = frame.to_model(np.dstack(np.meshgrid(x + region.x, y + region.y)), MODEL_SIZE)
    far = np.minimum(128 - place[..., 0], np.minimum(place[..., 1], 96 - place[..., 1])) * 2  # from all sides but left
    np.testing.assert_allclose(inside, (far / 10).clip(0, 1), atol=1e-3)
    assert inside[len(y) // 2, 0] == 1


def test_it_moves_along_with_its_rectangle() -> None:
    region = Region.framed(FRAME, LAYER_SIZE, MODEL_SIZE)
    patch = region.moved_to(0, 0)
    assert patch.box == (0, 0, region.width, region.height)
    point = np.array([222.0, 170.0])
    np.testing.assert_allclose(patch.to_model(point - (region.x, region.y)), region.to_model(point))
    assert Region(3, 4, 20, 30, MODEL_SIZE).moved_to(0, 1) == Region(0, 1, 20, 30, MODEL_SIZE)


@pytest.mark.parametrize(
    "wrong", [{"scale": 0.0}, {"scale": -1.0}, {"x": float("nan")}, {"roll": float("inf")}, {"band": -1}]
)
def test_what_is_no_frame_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no frame"):
        Frame(**{"x": 1.0, "y": 1.0, "scale": 1.0, "roll": 0.0, **wrong})


def test_a_rectangle_larger_than_its_frame_is_refused() -> None:
    """A damaged edit must not make the backend compute images of any size."""
    with pytest.raises(ValueError, match="does not fit"):
        Region(0, 0, 5000, 300, MODEL_SIZE, FRAME)
    with pytest.raises(ValueError, match="does not fit"):
        Region(0, 0, 1, 1, MODEL_SIZE, Frame(1.0, 1.0, 1e-9, 0.0))
