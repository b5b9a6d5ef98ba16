"""Drags as an argument of the filter, to be done again."""

from __future__ import annotations

import pytest

from backend.errors import UserError
from core.drags import Drag, drags_from_strokes
from core.last_drags import LastDrag, moved_anchors, strokes_of, to_text

POINT = {"handle": [10, 20], "target": [30, 20], "via": [], "end": [28, 21], "pin": False}
PIN = {"handle": [5, 5], "target": [5, 5], "via": [], "end": [5.5, 5], "pin": True}
WINDING = {**POINT, "via": [[15, 40]]}


def test_what_was_dragged_is_dragged_again_where_it_lies_in_the_image():
    drags = [LastDrag.of_report(point, (100, 200)) for point in (WINDING, PIN)]
    again = drags_from_strokes(strokes_of(to_text(drags)), (100, 200), (64, 64))
    assert again == [Drag((10, 20), (30, 20), ((15, 40),)), Drag((5, 5), (5, 5))]
    elsewhere = drags_from_strokes(strokes_of(to_text(drags)), (90, 200), (64, 64))
    assert elsewhere[0].handle == (20, 20), "on a layer that lies elsewhere"


def test_going_on_is_the_same_drag_from_where_it_ended_and_a_pin_stays():
    drags = [LastDrag.of_report(point, (0, 0)).gone_on() for point in (POINT, PIN)]
    assert [drag.trajectory for drag in drags] == [((28, 21), (48, 21)), ((5, 5),)]


def test_a_path_goes_on_with_its_control_points_and_other_anchors_stay():
    drag = LastDrag.of_report(POINT, (0, 0))
    before = [9, 19, 10, 20, 11, 21, 29, 19, 30, 20, 31, 21, 0, 0, 1, 1, 2, 2]
    assert moved_anchors(before, [drag]) == [27, 20, 28, 21, 29, 22, 47, 20, 48, 21, 49, 22, 0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("text", ["x", "{}x", "[[1, 2]]", '[[["a", 1]]]', "[[[1, NaN]]]", "3", "[" * 100_000])
def test_an_argument_that_makes_no_sense_is_one_sentence(text: str):
    with pytest.raises(UserError, match="argument drags cannot be read; give the points"):
        strokes_of(text)
