"""What a measured drag asks, which animals are passed over, and what counts as arrived."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from backend.editing.points import Drag
from stylegan2.critters.making import factors
from stylegan2.critters.making.landmarks import LANDMARKS, landmark
from stylegan2.samples import latents
from tests.benchmarks.drag_sheet import COLUMNS, DRAG_COLOUR, LABEL, PIN_COLOUR, SIDE, cell, sheet
from tests.benchmarks.drags import line, summary
from tests.benchmarks.scenes import (
    KINDS,
    Find,
    Image,
    Kind,
    Outcome,
    Rest,
    Scene,
    rest_of,
    scene_of,
    scenes,
    truncated_factors,
    with_factor,
)

Z_DIM, WIDTH = 128, 200
NOD = Kind("nodded", "pitch", (0.3, 0.7), ("nose",), pinned=("chin", "crown"), both_ways=True)
GROWN = Kind("bigger", "size", (0.1, 0.9), ("left ear tip",), helping=("crown", "chin"))
EARS = Kind("ears", "ear splay", (0.3, 0.7), ("right ear tip", "left ear tip"))


def show(z: Tensor) -> Image:
    return np.zeros((WIDTH, WIDTH, 3), np.uint8)


def places(*images: dict[str, tuple[float, float]], hidden: tuple[str, ...] = ()) -> Find:
    """A detector that sees landmarks there, and all others at 100, 100; it does not see those that are hidden."""
    points = torch.full((len(images), len(LANDMARKS), 2), 100.0)
    for image, named in zip(points, images, strict=True):
        for name, place in named.items():
            image[landmark(name)] = torch.tensor(place)
    visibility = torch.ones(len(images), len(LANDMARKS))
    visibility[-1, [landmark(name) for name in hidden]] = 0.4
    return lambda _: (points, visibility)


def scene(kind: Kind, *ways: float) -> Scene:
    drags = tuple(Drag((50.0, 20.0 + 60 * row), (50.0 + way, 20.0 + 60 * row)) for row, way in enumerate(ways))
    pin = Drag.pin((150.0, 150.0))
    return Scene(kind, 7, latents(7, 1, Z_DIM), show(torch.empty(0)), show(torch.empty(0)), drags, (pin,))


def left(*rests: float, hidden: tuple[str, ...] = (), ways: tuple[float, ...] = (40.0, 20.0)) -> Rest:
    asked = scene(EARS, *ways)
    there = {
        name: (drag.target[0] - rest, drag.target[1])
        for name, drag, rest in zip(EARS.handles, asked.drags, rests, strict=True)
    }
    return rest_of(asked, asked.before, places(there, hidden=hidden))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_names_a_factor_of_shape_and_landmarks(kind: Kind):
    assert kind.factor in factors.GEOMETRY
    assert set(kind.handles + kind.helping + kind.pinned) <= set(LANDMARKS)
    assert not set(kind.handles + kind.helping) & set(kind.pinned)
    assert len({other.name for other in KINDS}) == len(KINDS)


def test_odd_seeds_ask_for_the_way_back_where_there_is_one():
    assert NOD.ends(4) == (0.3, 0.7)
    assert NOD.ends(5) == (0.7, 0.3)
    assert EARS.ends(5) == (0.3, 0.7)


@pytest.mark.parametrize("value", [0.08, 0.5, 0.97])
def test_one_factor_changes_and_the_others_stay(value: float):
    z = latents(3, 4, Z_DIM)
    before, after = truncated_factors(z), truncated_factors(with_factor(z, "yaw", value))
    wanted = factors.changed(before, "yaw", value)
    torch.testing.assert_close(after, wanted, rtol=0, atol=1e-4)


def test_truncation_pulls_the_factors_to_the_middle():
    z = latents(3, 4, Z_DIM)
    whole, pulled = factors.from_latent(z) - 0.5, truncated_factors(z) - 0.5
    assert (pulled.abs() < whole.abs()).all()
    assert (pulled * whole > 0).all()


def test_handles_and_targets_are_the_landmark_in_both_images_and_pins_stay():
    find = places({"nose": (90, 100), "chin": (80, 150)}, {"nose": (90, 130), "chin": (80, 170)})
    asked = scene_of(NOD, 1, Z_DIM, show, find)
    assert isinstance(asked, Scene)
    assert asked.drags == (Drag((90, 100), (90, 130)),)
    assert asked.besides == (Drag.pin((80, 150)), Drag.pin((100, 100)))
    assert asked.starts == pytest.approx([30])


@pytest.mark.parametrize(
    ("find", "why"),
    [
        (places({"nose": (90, 100)}, {"nose": (90, 130)}, hidden=("nose",)), "hidden"),
        (places({"nose": (90, 170)}, {"nose": (90, 201)}), "outside the picture"),
        (places({"nose": (90, 100)}, {"nose": (90, 115)}), "7.5% of the width"),
        (places({"nose": (90, 100)}, {"nose": (90, 152)}), "26.0% of the width"),
    ],
)
def test_what_cannot_be_asked_is_said(find: Find, why: str):
    assert scene_of(NOD, 1, Z_DIM, show, find) == why


def test_a_pin_that_does_not_show_is_left_out_and_does_not_matter():
    points, visibility = places({"nose": (90, 100)}, {"nose": (90, 130)})(torch.empty(0))
    visibility[0, landmark("chin")] = 0.1
    asked = scene_of(NOD, 1, Z_DIM, show, lambda _: (points, visibility))
    assert isinstance(asked, Scene)
    assert len(asked.besides) == 1


def test_what_helps_is_dragged_too_however_short_its_way_and_is_not_measured():
    start = {"left ear tip": (60.0, 60.0), "crown": (100.0, 50.0)}
    end = {"left ear tip": (40.0, 40.0), "crown": (100.0, 46.0)}
    asked = scene_of(GROWN, 1, Z_DIM, show, places(start, end, hidden=("chin",)))
    assert isinstance(asked, Scene)
    assert asked.drags == (Drag((60, 60), (40, 40)),)
    assert asked.besides == (Drag((100, 50), (100, 46)),)
    assert rest_of(asked, asked.before, places({**end, "crown": (0.0, 0.0)})).arrived


def test_every_kind_has_its_turn_and_takes_the_next_seed_that_can_be_asked():
    skipped: list[str] = []
    found = list(scenes(len(KINDS) + 1, 100, Z_DIM, show, every_second(), skipped))
    assert [one.kind for one in found] == [*KINDS, KINDS[0]]
    assert [one.seed for one in found] == [101, 103, 105, 107, 109, 111, 113, 115]
    assert len(skipped) == 8
    assert skipped[0] == f"100 {KINDS[0].name}: hidden"


def every_second() -> Find:
    """A detector that sees nothing in every second pair of images."""
    calls = 0

    def find(_: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal calls
        calls += 1
        points = torch.full((2, len(LANDMARKS), 2), 100.0)
        points[1] = 130
        return points, torch.full((2, len(LANDMARKS)), float(calls % 2 == 0))

    return find


def test_what_is_left_is_a_share_of_all_ways():
    rest = left(6, 3)
    assert rest.rests == pytest.approx([6, 3], abs=1e-3)
    assert rest.share == pytest.approx(0.15, abs=1e-4)


@pytest.mark.parametrize(
    ("rests", "arrived"),
    [((9.9, 4.9), True), ((10.1, 0), False), ((0, 5.1), False)],
    ids=["a quarter of each way", "more of the one", "more of the other"],
)
def test_a_drag_has_arrived_when_at_most_a_quarter_of_each_way_is_left(rests: tuple[float, float], arrived: bool):
    assert left(*rests).arrived is arrived


def test_two_percent_of_the_width_is_arrived_however_short_the_way():
    assert left(3.9, 3.9, ways=(10, 10)).arrived
    assert not left(4.1, 3.9, ways=(10, 10)).arrived


def test_a_landmark_that_no_longer_shows_has_not_moved_at_all():
    rest = left(0, 0, hidden=("left ear tip",))
    assert not rest.arrived
    assert rest.rests == pytest.approx([0, 20], abs=1e-3)


@pytest.fixture
def outcome() -> Callable[[float], Outcome]:
    def make(rest: float) -> Outcome:
        asked = scene(NOD, 40)
        found = Rest(asked.starts, np.array([rest]), rest <= 10)
        return Outcome(asked, asked.before, found, tracker=0.02, changed=0.01, steps=30, seconds=2.0)

    return make


def test_the_numbers_are_those_of_each_kind_and_of_all(outcome: Callable[[float], Outcome]):
    text = summary([outcome(4), outcome(8), outcome(24)])
    assert [row.split()[0] for row in text.splitlines()] == ["nodded", "all"]
    assert "arrived   2 of   3   left, detector: mean  30% median  20%" in text
    assert "NOT" in line(outcome(24))
    assert "NOT" not in line(outcome(4))


def test_the_sheet_shows_drags_as_arrows_and_pins_as_dots(outcome: Callable[[float], Outcome]):
    drawn = np.asarray(cell(outcome(4))).astype(int)
    scale = SIDE / WIDTH
    for place, colour in (((50, 20), DRAG_COLOUR), ((86, 20), DRAG_COLOUR), ((150, 150), PIN_COLOUR)):
        x, y = (round(number * scale) for number in place)
        assert drawn[LABEL + y, x] == pytest.approx(colour, abs=60)  # its light outline shines through
    assert not drawn[LABEL : LABEL + SIDE, SIDE : 2 * SIDE].any()
    one, four = sheet([outcome(4)]), sheet([outcome(4)] * (COLUMNS + 1))
    assert four.width == one.width
    assert four.height > 1.8 * one.height
