"""Drags as text and as data."""

from __future__ import annotations

import pytest

from backend.editing.points import Drag, check_drags, parse_drag, parse_pin
from backend.errors import UserError


def test_a_drag_is_a_handle_and_a_target() -> None:
    assert parse_drag("1,2.5:3,-4") == Drag((1.0, 2.5), (3.0, -4.0))


def test_points_between_are_way_points_in_order() -> None:
    drag = parse_drag("0,0:1,1:2,2:3,3")
    assert drag.via == ((1.0, 1.0), (2.0, 2.0))
    assert drag.goals == ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))


def test_a_pin_is_its_own_target() -> None:
    assert parse_pin("4,5").is_pin
    assert not parse_drag("4,5:4,6").is_pin


def test_a_round_trip_to_the_handle_is_no_pin() -> None:
    assert not parse_drag("4,5:9,9:4,5").is_pin


@pytest.mark.parametrize("text", ["1,2", "1,2:", "a,b:1,2", "1,2,3:4,5", "", "1:2", "nan,1:2,3", "1,2:inf,3"])
def test_what_is_no_drag_is_refused_with_a_sentence_that_quotes_it(text: str) -> None:
    with pytest.raises(UserError, match=r"in pixels.*\.$") as refusal:
        parse_drag(text)
    assert repr(text) in str(refusal.value)


def test_no_drags_only_pins_and_infinite_points_are_refused() -> None:
    with pytest.raises(UserError, match="nothing to drag"):
        check_drags([])
    with pytest.raises(UserError, match="All points are pins"):
        check_drags([Drag.pin((1, 1))])
    with pytest.raises(UserError, match="not a finite number"):
        check_drags([Drag((1, 1), (float("nan"), 2))])
