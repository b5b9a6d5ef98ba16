"""Which part of a layer the model sees, and the one coordinate convention."""

from __future__ import annotations

import numpy as np
import pytest

from backend.editing.points import Drag
from backend.editing.region import Region, box_around, choose_region
from backend.errors import UserError

SQUARE = (128, 128)


def test_a_layer_of_the_models_aspect_is_taken_whole() -> None:
    assert choose_region((300, 300), SQUARE) == Region(0, 0, 300, 300, SQUARE)
    assert choose_region((300, 303), SQUARE) == Region(0, 0, 303, 300, SQUARE)


def test_of_any_other_layer_the_largest_centred_rectangle_is_taken() -> None:
    assert choose_region((500, 700), SQUARE) == Region(100, 0, 500, 500, SQUARE)
    assert choose_region((700, 500), SQUARE) == Region(0, 100, 500, 500, SQUARE)
    assert choose_region((512, 512), (512, 256)) == Region(128, 0, 256, 512, (512, 256))


def test_the_region_around_a_selection_holds_it_and_stays_inside_the_layer() -> None:
    selection = np.zeros((400, 600), np.uint8)
    selection[0:50, 500:600] = 255
    region = choose_region((400, 600), SQUARE, box_around(selection), "selection")
    assert region.crop(selection).sum() == selection.sum()
    assert region.width == region.height < 200
    assert (region.x + region.width, region.y) == (600, 0)


def test_without_a_selection_there_is_no_region_around_it() -> None:
    for selection in (None, np.zeros((64, 64), np.uint8)):
        with pytest.raises(UserError, match="Nothing is selected"):
            choose_region((64, 64), SQUARE, box_around(selection), "selection")


@pytest.mark.parametrize("size", [(3, 3), (15, 400), (1, 1)])
def test_a_layer_without_room_for_a_image_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"{size[1]} x {size[0]} pixels"):
        choose_region(size, SQUARE)


def test_corners_are_corners_in_both_systems() -> None:
    region = Region(100, 20, 500, 250, (64, 128))
    corners = np.array([[100, 20], [600, 270]])
    np.testing.assert_allclose(region.to_model(corners), [[0, 0], [128, 64]])
    np.testing.assert_allclose(region.to_layer(region.to_model(corners)), corners)


def test_a_pixels_centre_is_where_resampling_puts_it() -> None:
    """A bright layer pixel block lands on the model pixel that its centre is converted to."""
    region = Region(10, 0, 256, 256, SQUARE)
    layer = np.zeros((256, 300), np.uint8)
    layer[100:102, 10 + 60 : 10 + 62] = 255
    small = region.shrink(region.crop(layer))
    row, column = np.unravel_index(small.argmax(), small.shape)
    np.testing.assert_allclose(region.to_model(np.array([71.0, 101.0])), [column + 0.5, row + 0.5])


def test_a_mask_is_shrunk_to_the_share_of_each_pixel_that_may_move() -> None:
    mask = np.zeros((512, 512), np.uint8)
    mask[:, :101] = 255
    small = choose_region((512, 512), SQUARE).shrink_mask(mask)
    assert small.shape == SQUARE
    assert small[0, 24:27].tolist() == [255, 64, 0], "no ringing beside the edge"


def test_points_outside_the_region_are_refused_and_named() -> None:
    region = choose_region((500, 700), SQUARE)
    region.check_inside([Drag((100, 0), (600, 500))])
    with pytest.raises(UserError, match="handle at 99, 10 lies outside"):
        region.check_inside([Drag((99, 10), (200, 200))])
    with pytest.raises(UserError, match="target at 200, 501 lies outside"):
        region.check_inside([Drag((150, 10), (200, 501))])


def test_a_mask_must_have_the_layers_size_and_allow_something() -> None:
    region = choose_region((500, 700), SQUARE)
    with pytest.raises(UserError, match="mask is 60 x 50 pixels and the picture 700 x 500"):
        region.check_mask(np.full((50, 60), 255, np.uint8), (500, 700))
    beside = np.zeros((500, 700), np.uint8)
    beside[:, :50] = 255
    with pytest.raises(UserError, match="Nothing may move"):
        region.check_mask(beside, (500, 700))
