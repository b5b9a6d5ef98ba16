"""How the anchors of paths become drags, and which paths are refused."""

from __future__ import annotations

import pytest
from drags import Drag, Stroke, anchors_of, describe, drags_from_strokes
from problems import Problem

LAYER = (100, 80)


def one_drag(*anchors: tuple[float, float], offset: tuple[int, int] = (0, 0)) -> Drag:
    (drag,) = drags_from_strokes([Stroke(anchors)], offset, LAYER)
    return drag


def refusal(*strokes: Stroke, offset: tuple[int, int] = (0, 0)) -> str:
    with pytest.raises(Problem) as raised:
        drags_from_strokes(strokes, offset, LAYER)
    return str(raised.value)


def test_the_anchor_is_the_middle_one_of_gimps_three_points():
    flat = [1, 2, 3.5, 4.5, 5, 6, 7, 8, 9, 10, 11, 12]
    assert anchors_of(flat) == ((3.5, 4.5), (9, 10))


def test_no_control_points_are_no_anchors():
    assert anchors_of([]) == ()


def test_the_first_anchor_is_the_handle_and_the_last_one_its_target():
    assert one_drag((10, 20), (30, 40)) == Drag((10, 20), (30, 40))


def test_the_anchors_between_are_passed_in_the_order_they_were_drawn():
    assert one_drag((1, 1), (2, 5), (3, 4), (9, 9)).via == ((2, 5), (3, 4))


def test_a_lone_anchor_holds_its_point_in_place():
    found = drags_from_strokes([Stroke(((1, 1), (5, 5))), Stroke(((7, 8),))], (0, 0), LAYER)
    assert found[1] == Drag((7, 8), (7, 8))
    assert [drag.is_pin for drag in found] == [False, True]


def test_points_are_counted_from_the_layers_own_corner():
    assert one_drag((25, 15), (30.5, 22), offset=(20, 10)) == Drag((5, 5), (10.5, 12))


def test_a_layer_that_begins_outside_the_image_is_no_obstacle():
    assert one_drag((5, 5), (10, 10), offset=(-20, -30)).handle == (25, 35)


def test_a_way_that_ends_where_it_began_is_a_drag_and_no_pin():
    drag = one_drag((5, 5), (20, 20), (5, 5))
    assert not drag.is_pin
    assert drag.via == ((20, 20),)


def test_strokes_keep_their_order():
    strokes = [Stroke(((1, 1), (2, 2))), Stroke(((3, 3), (4, 4)))]
    assert [drag.handle for drag in drags_from_strokes(strokes, (0, 0), LAYER)] == [(1, 1), (3, 3)]


def test_over_the_wire_go_plain_lists():
    wire = one_drag((1, 2), (3, 4), (5, 6)).to_wire()
    assert wire == {"handle": [1, 2], "target": [5, 6], "via": [[3, 4]]}


def test_no_path_at_all_is_refused_with_how_to_draw_one():
    assert "draw one first" in refusal()
    assert "draw one first" in refusal(Stroke(()))


def test_a_closed_path_is_refused():
    assert "closed" in refusal(Stroke(((1, 1), (5, 5)), closed=True))


@pytest.mark.parametrize("outside", [(-0.5, 10), (100, 10), (10, -3), (10, 80)])
@pytest.mark.parametrize("place", ["handle", "way", "target"])
def test_an_anchor_outside_the_layer_is_refused_with_its_place_in_the_image(outside: tuple[float, float], place: str):
    inside = [(1.0, 1.0), (5.0, 5.0)]
    anchors = {"handle": [outside, *inside], "way": [inside[0], outside, inside[1]], "target": [*inside, outside]}
    moved = tuple((x + 7, y + 9) for x, y in anchors[place])
    sentence = refusal(Stroke(moved), offset=(7, 9))
    assert f"{outside[0] + 7:.0f}, {outside[1] + 9:.0f} lies outside the layer" in sentence


def test_the_last_pixel_of_the_layer_is_inside_it():
    assert one_drag((0, 0), (99.9, 79.9)).target == (99.9, 79.9)


def test_a_path_without_length_is_refused():
    assert "has no length" in refusal(Stroke(((5, 5), (5, 5), (5, 5))))


def test_nothing_but_pins_is_refused():
    assert "hold points in place" in refusal(Stroke(((5, 5),)), Stroke(((9, 9),)))


@pytest.mark.parametrize(
    ("drags", "pins", "has_selection", "sentence"),
    [
        (1, 0, False, "1 drag. No selection: everything may move."),
        (2, 0, True, "2 drags. The selection limits the change."),
        (2, 1, True, "2 drags and 1 pin. The selection limits the change."),
        (1, 3, False, "1 drag and 3 pins. No selection: everything may move."),
    ],
)
def test_the_dialog_says_what_was_found(drags: int, pins: int, has_selection: bool, sentence: str):
    found = [Drag((1, 1), (2, 2))] * drags + [Drag((3, 3), (3, 3))] * pins
    assert describe(found, has_selection) == sentence
