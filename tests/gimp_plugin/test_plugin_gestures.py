"""What presses, motions and clicks on the picture of the drag window do."""

from __future__ import annotations

import numpy as np
import pytest

from backend.client import Update, png
from core.drag_session import DragSession, is_pin
from core.gestures import NOT_AS_PULLED, OUTSIDE, Gestures, Tool
from core.may_move import HELD, MAY_MOVE, everything
from core.view import View

LAYER = (400, 200)


@pytest.fixture
def session() -> DragSession:
    return DragSession()


@pytest.fixture
def gestures(session: DragSession) -> Gestures:
    """On a layer that is shown at twice its size, 100 pixels from the left."""
    gestures = Gestures(session, LAYER)
    gestures.view = View((1000, 400), LAYER, 2.0, (100, 0))
    return gestures


def pull(gestures: Gestures, *points: tuple[float, float]) -> None:
    gestures.press(points[0])
    for point in points[1:]:
        gestures.move(point)
    gestures.release(points[-1])


def test_a_pull_is_a_drag_from_where_it_was_pressed(gestures: Gestures, session: DragSession):
    pull(gestures, (200, 100), (220, 100), (300, 140))
    (drag,) = session.scene.drags
    assert (drag.handle, drag.target) == ((50, 50), (100, 70))
    assert session.chosen == drag.id


def test_the_subject_is_told_to_follow_while_the_button_is_held(gestures: Gestures, session: DragSession):
    gestures.press((200, 100))
    targets = []
    for x in (210, 220, 230):
        assert gestures.move((x, 100))
        targets.append(session.scene.drags[0].target)
    assert targets == [(55, 50), (60, 50), (65, 50)]
    assert gestures.held


def test_a_click_sets_a_pin_even_if_the_hand_is_not_quite_still(gestures: Gestures, session: DragSession):
    pull(gestures, (200, 100), (202, 101))
    (pin,) = session.scene.drags
    assert is_pin(pin)
    assert pin.handle == (50, 50)


def test_a_marker_is_chosen_with_a_click_and_moved_with_a_pull(gestures: Gestures, session: DragSession):
    pull(gestures, (200, 100), (300, 100))
    pull(gestures, (500, 300))
    pull(gestures, (303, 98))
    first, pin = session.scene.drags
    assert session.chosen == first.id
    pull(gestures, (303, 98), (340, 100))
    assert [drag.target for drag in session.scene.drags] == [(120, 50), pin.target]


def test_a_handle_on_its_way_can_be_put_on_another_point(gestures: Gestures, session: DragSession):
    pull(gestures, (200, 100), (400, 100))
    session.take(Update("drag", 3, 9, "", points=((80.0, 50.0),), revision=9, ids=(session.scene.drags[0].id,)))
    pull(gestures, (260, 100), (260, 140))
    (drag,) = session.scene.drags
    assert (drag.handle, drag.target) == ((80, 70), (150, 50))


def test_a_press_that_was_abandoned_leaves_nothing(gestures: Gestures, session: DragSession):
    gestures.press((200, 100))
    gestures.move((300, 100))
    gestures.abandon()
    assert session.scene.drags == ()
    assert not gestures.move((320, 100))


def test_who_takes_back_while_pulling_takes_back_the_pull(gestures: Gestures, session: DragSession):
    pull(gestures, (300, 300))
    gestures.press((200, 100))
    gestures.move((300, 100))
    gestures.undo()
    assert len(session.scene.drags) == 1
    gestures.move((320, 100))
    gestures.release((320, 100))
    assert len(session.scene.drags) == 1
    gestures.undo()
    assert session.scene.drags == ()


def test_what_the_model_does_not_see_cannot_be_pulled_and_one_is_told(gestures: Gestures, session: DragSession):
    gestures.region = (0, 0, 200, 200)
    pull(gestures, (600, 100), (650, 100))
    assert session.scene.drags == ()
    assert gestures.hint == OUTSIDE


@pytest.mark.parametrize("region", [None, (0, 0, 200, 200)])
def test_a_pull_beyond_the_edge_ends_at_the_edge(
    gestures: Gestures, session: DragSession, region: tuple[int, int, int, int] | None
):
    gestures.region = region
    pull(gestures, (200, 100), (999, -300))
    (drag,) = session.scene.drags
    width, _ = LAYER if region is None else region[2:]
    assert width - 1 < drag.target[0] < width
    assert drag.target[1] == 0


def test_who_pulls_on_sees_the_picture_as_it_was_pulled(gestures: Gestures, session: DragSession):
    session.go(0.4)
    gestures.press((200, 100))
    assert session.how_far == 1.0
    assert gestures.hint == NOT_AS_PULLED


def painted(session: DragSession) -> np.ndarray:
    mask = session.scene.mask
    assert mask
    return np.frombuffer(mask.data, np.uint8).reshape(mask.height, mask.width)


def test_what_is_painted_first_is_all_that_may_move(gestures: Gestures, session: DragSession):
    gestures.tool, gestures.brush = Tool.PAINT, 40
    pull(gestures, (300, 200), (500, 200))
    mask = painted(session)
    assert mask[100, 100] == mask[100, 200] == mask[119, 150] == MAY_MOVE
    assert mask[100, 77] == mask[122, 150] == mask[10, 10] == HELD


def test_what_is_erased_first_is_all_that_is_held(gestures: Gestures, session: DragSession):
    gestures.tool, gestures.brush = Tool.ERASE, 40
    pull(gestures, (300, 200))
    assert painted(session)[100, 100] == HELD
    assert painted(session)[100, 140] == MAY_MOVE


def test_the_brush_goes_on_from_the_selection(gestures: Gestures, session: DragSession):
    half = np.zeros(LAYER[::-1], np.uint8)
    half[:, 200:] = 200
    gestures.opening_mask = png.Pixels(*LAYER, 1, half.tobytes())
    gestures.tool, gestures.brush = Tool.PAINT, 40
    pull(gestures, (300, 200))
    mask = painted(session)
    assert (mask[100, 100], mask[100, 300], mask[10, 10]) == (MAY_MOVE, 200, HELD)


def test_a_stroke_of_the_brush_is_one_step(gestures: Gestures, session: DragSession):
    gestures.tool = Tool.ERASE
    pull(gestures, (300, 200), (400, 200), (500, 200))
    pull(gestures, (300, 100), (400, 100))
    session.undo()
    assert session.can_undo
    session.undo()
    assert session.scene.mask is None


def test_a_brush_beside_the_layer_does_no_harm(gestures: Gestures, session: DragSession):
    gestures.tool = Tool.ERASE
    pull(gestures, (-5000, -5000), (-4000, 9000))
    assert session.scene.mask == everything(LAYER)
