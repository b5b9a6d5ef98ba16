"""What is pulled moves at once, until the model answers."""

from __future__ import annotations

import array
import itertools

import pytest

from backend.client import Update, png
from core.pull import FADE_SECONDS, RADII, STEEPEST, Pull, bump

NUMBER = 3


class Clock:
    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pull(clock: Clock) -> Pull:
    return Pull(NUMBER, clock)


def picture(*ids: int) -> Update:
    return Update("drag", 1, 10, "", ids=ids, preview=png.Pixels(1, 1, 4, bytes(4)))


def test_before_the_model_answers_the_point_is_where_it_is_pulled(pull: Pull):
    pull.take(picture(1))
    pull.take(Update("drag", 1, 10, "", ids=(NUMBER,)))
    shift = pull.shift((100, 100), (112, 95))
    assert shift
    assert (shift.middle, shift.way) == ((112, 95), (12, -5))


def test_after_its_answer_the_models_picture_takes_over_in_a_moment(pull: Pull, clock: Clock):
    pull.take(picture(1, NUMBER))
    clock.now += FADE_SECONDS / 2
    pull.take(picture(1, NUMBER))
    shift = pull.shift((100, 100), (120, 100))
    assert shift
    assert shift.way == pytest.approx((10, 0))
    clock.now += FADE_SECONDS / 2
    assert pull.shift((100, 100), (120, 100)) is None


def test_where_it_is_pulled_nowhere_nothing_moves(pull: Pull):
    assert pull.shift((100, 100), (100.5, 100)) is None


@pytest.mark.parametrize("length", [5, 29, 31, 79, 120, 160, 1000])
def test_nothing_is_folded_over_itself(pull: Pull, length: float):
    shift = pull.shift((500, 100), (500 - length, 100))
    assert shift
    assert shift.way[0] < 0
    assert shift.way[1] == 0
    assert -shift.way[0] * STEEPEST <= shift.radius + 0.5
    values = array.array("f", bump(shift.radius))
    side = 2 * shift.radius
    row = values[shift.radius * side : (shift.radius + 1) * side]
    places = [x + shift.way[0] * (2 * value - 1) for x, value in enumerate(row)]
    assert all(before < after for before, after in itertools.pairwise(places))


@pytest.mark.parametrize("radius", RADII)
def test_the_middle_goes_all_the_way_and_the_rim_none(radius: int):
    values, side = array.array("f", bump(radius)), 2 * radius
    assert values[radius * side + radius] == pytest.approx(1, abs=0.001)
    rim = [*values[:side], *values[::side], *values[side - 1 :: side], *values[-side:]]
    assert max(rim) == pytest.approx(0.5, abs=0.001)
