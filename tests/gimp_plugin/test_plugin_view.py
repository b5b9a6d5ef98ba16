"""How the drag window looks at a layer: points there and back, zooming, moving, fitting."""

from __future__ import annotations

import pytest

from core.view import LARGEST_SCALE, LEAST_SHOWN, MARGIN, View

LAYER = (400, 200)


@pytest.mark.parametrize("view", [View((900, 600), LAYER), View((900, 600), LAYER, 2.5, (-30, 40))])
@pytest.mark.parametrize("point", [(0.0, 0.0), (399.5, 17.25)])
def test_a_point_comes_back_from_the_screen(view: View, point: tuple[float, float]):
    assert view.to_layer(view.to_screen(point)) == pytest.approx(point)


def test_what_is_fitted_in_is_seen_whole_in_the_middle_and_as_large_as_can_be():
    view = View((900, 600), LAYER).fitted((100, 0, 200, 200))
    left, top, width, height = view.box_on_screen((100, 0, 200, 200))
    assert height == width == 600 - 2 * MARGIN
    assert top == MARGIN
    assert left == (900 - width) // 2


def test_what_lies_under_the_pointer_stays_there_when_one_zooms():
    view = View((900, 600), LAYER, 1.0, (50, 60))
    for factor in (1.25, 0.8, 3.0):
        zoomed = view.zoomed(factor, (200, 150))
        assert zoomed.scale == pytest.approx(factor)
        assert zoomed.to_screen(view.to_layer((200, 150))) == pytest.approx((200, 150), abs=1)


def test_one_cannot_zoom_without_end():
    view = View((900, 600), (4000, 3000), 0.2)
    for _ in range(50):
        view = view.zoomed(1.5, (450, 300))
    assert view.scale == LARGEST_SCALE
    for _ in range(80):
        view = view.zoomed(0.5, (450, 300))
    assert 0 < view.scale * 4000 < 70


def test_the_layer_cannot_be_lost_beside_the_screen():
    view = View((900, 600), LAYER).moved(-5000, 7000)
    assert view.visible()[2:] == (LEAST_SHOWN, LEAST_SHOWN)


def test_a_larger_window_shows_the_same_in_its_middle():
    view = View((900, 600), LAYER, 2.0, (100, 50))
    larger = view.resized((1000, 700))
    assert larger.to_layer((500, 350)) == view.to_layer((450, 300))


def test_where_nothing_of_a_layer_is_on_the_screen_nothing_is_visible():
    assert View((100, 100), LAYER, 1.0, (200, 0)).visible()[2] == 0
