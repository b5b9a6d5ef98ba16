"""How the anchors of paths become drags, and which paths are refused."""

from __future__ import annotations

import numpy as np
import pytest

from backend.errors import UserError
from core.drags import Drag, Stroke, describe, drags_from_strokes, has_choice, pair_up, stroke_of

LAYER = (100, 80)


def one_drag(*anchors: tuple[float, float], offset: tuple[int, int] = (0, 0)) -> Drag:
    (drag,) = drags_from_strokes([Stroke(anchors)], offset, LAYER)
    return drag


def refusal(*strokes: Stroke, offset: tuple[int, int] = (0, 0)) -> str:
    with pytest.raises(UserError) as raised:
        drags_from_strokes(strokes, offset, LAYER)
    return str(raised.value)


def test_the_anchor_is_the_middle_one_of_gimps_three_points_and_the_others_control_the_curve():
    stroke = stroke_of([1, 2, 3.5, 4.5, 5, 6, 7, 8, 9, 10, 11, 12], closed=False)
    assert stroke.anchors == ((3.5, 4.5), (9, 10))
    assert stroke.controls == (((5, 6), (7, 8)),)


def test_no_control_points_are_no_anchors():
    assert stroke_of([], closed=False) == Stroke(())


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
    json = one_drag((1, 2), (3, 4), (5, 6)).to_json()
    assert json == {"handle": [1, 2], "target": [5, 6], "via": [[3, 4]]}


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


# Curves


def curve(leaving: tuple[float, float], coming: tuple[float, float]) -> Stroke:
    return Stroke(((10, 40), (70, 40)), controls=((leaving, coming),))


def test_a_curved_stroke_is_followed_within_a_256th_of_the_layer():
    (drag,) = drags_from_strokes([curve((10, 0), (70, 0))], (0, 0), LAYER)
    t = np.linspace(0, 1, 1000)[:, None]
    control = np.array([(10, 40), (10, 0), (70, 0), (70, 40)], float)
    exact = (
        (1 - t) ** 3 * control[0]
        + 3 * t * (1 - t) ** 2 * control[1]
        + 3 * t**2 * (1 - t) * control[2]
        + t**3 * control[3]
    )
    points = np.array(drag.trajectory)
    starts, steps = points[:-1], np.diff(points, axis=0)
    along = np.clip(((exact[:, None] - starts) * steps).sum(-1) / (steps**2).sum(-1), 0, 1)
    beside = np.linalg.norm(exact[:, None] - (starts + along[..., None] * steps), axis=-1).min(axis=1)
    assert beside.max() <= 100 / 256
    assert len(drag.via) < 30


def test_a_straight_segment_needs_no_way_points_however_its_control_points_lie_on_it():
    (drag,) = drags_from_strokes([curve((20, 40), (40, 40))], (0, 0), LAYER)
    assert drag.via == ()


def test_where_a_curve_bulges_over_the_layers_edge_its_way_points_are_left_out():
    (drag,) = drags_from_strokes([curve((10, -60), (70, -60))], (0, 0), LAYER)
    assert drag.via
    assert all(0 <= y < LAYER[1] for _, y in drag.via)


def test_a_drag_has_at_most_128_way_points_however_long_its_curve():
    anchors = tuple((10 + 80 * (i % 2), 1 + i) for i in range(60))
    loops = Stroke(anchors, controls=(((10, 79), (90, 79)),) * 59)
    (drag,) = drags_from_strokes([loops], (0, 0), LAYER)
    assert len(drag.via) <= 128
    assert set(anchors[1:-1]) <= set(drag.via)


def test_too_many_anchors_are_refused():
    assert "has 131 anchors" in refusal(Stroke(tuple((10.0, i / 2) for i in range(131))))


# One stroke of many anchors


def test_four_anchors_in_one_go_can_be_two_drags():
    stroke = Stroke(((1, 1), (2, 2), (30, 30), (40, 40)))
    assert has_choice([stroke])
    assert len(drags_from_strokes([stroke], (0, 0), LAYER)) == 1
    first, second = drags_from_strokes([stroke], (0, 0), LAYER, "separate")
    assert (first, second) == (Drag((1, 1), (2, 2)), Drag((30, 30), (40, 40)))


def test_separate_drags_keep_the_curves_of_their_own_segments():
    bulge = ((10, 0), (70, 0))
    stroke = Stroke(((10, 40), (70, 40), (5, 5), (9, 9)), controls=(bulge, ((70, 40), (5, 5)), ((5, 5), (9, 9))))
    curved, straight = drags_from_strokes([stroke], (0, 0), LAYER, "separate")
    assert curved.via
    assert not straight.via


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_strokes_that_can_be_read_one_way_only_are_read_so(count: int):
    stroke = Stroke(tuple((5.0 * i, 5.0) for i in range(count)))
    assert not has_choice([stroke])
    drags = drags_from_strokes([stroke, Stroke(((50, 50), (60, 60)))], (0, 0), LAYER, "separate")
    assert len(drags) == 2


# Handles and targets as two paths


def test_the_anchors_of_two_paths_are_matched_in_their_order():
    handles = [Stroke(((1, 1), (2, 2))), Stroke(((3, 3),))]
    assert [stroke.anchors for stroke in pair_up(handles, [Stroke(((4, 4), (5, 5), (3, 3)))])] == [
        ((1, 1), (4, 4)), ((2, 2), (5, 5)), ((3, 3),),
    ]  # fmt: skip


def test_two_paths_of_different_numbers_of_anchors_are_refused():
    with pytest.raises(UserError, match="Handles has 1 anchor and the path Targets 0 anchors"):
        pair_up([Stroke(((1, 1),))], [])


# Too much of it


def test_more_than_128_drags_are_refused():
    strokes = [Stroke(((5, i / 2), (50, i / 2))) for i in range(129)]
    assert "129 drags at once" in refusal(*strokes)


def test_two_handles_on_one_spot_are_refused():
    assert "start at 10, 10" in refusal(Stroke(((10, 10), (30, 30))), Stroke(((10.4, 10), (5, 5))))
    assert "start at 10, 10" in refusal(Stroke(((10, 10), (30, 30))), Stroke(((10, 10),)))
