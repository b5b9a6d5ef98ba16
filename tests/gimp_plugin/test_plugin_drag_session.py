"""What the artist wants in the drag window, step by step and back, as the backend is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.client import Update, png
from backend.client.steering import SteeredDrag
from core.drag_session import DragSession
from core.drags import Drag
from core.may_move import everything

A, B, C = (10.0, 20.0), (30.0, 20.0), (30.0, 60.0)


def update(revision: int, ids: tuple[int, ...] = (), points: Any = (), step: int = 1) -> Update:
    return Update("drag", step, 100, "", points=points, revision=revision, ids=ids)


def test_the_drags_of_the_paths_are_there_at_once_with_their_way_points():
    session = DragSession([Drag(A, B, (C,)), Drag(C, C)])
    steering = session.steering()
    assert steering.drags == (SteeredDrag(0, A, B, (C,)), SteeredDrag(1, C, C))
    assert steering.running
    assert not session.can_undo


def test_each_change_is_a_newer_revision_and_the_same_drag_keeps_its_id():
    session = DragSession()
    revisions = [session.steering().revision]
    number = session.add(A, B)
    revisions.append(session.steering().revision)
    session.pull_on(number, C, same_step=True)
    revisions.append(session.steering().revision)
    assert revisions == sorted(set(revisions))
    assert [(drag.id, drag.target) for drag in session.steering().drags] == [(number, C)]


def test_a_pull_of_many_motions_is_one_step_back_to_the_picture_before_it():
    session = DragSession()
    before = session.steering().revision
    number = session.add(A, B)
    for x in range(5):
        session.pull_on(number, (x, 5.0), same_step=True)
    session.undo()
    assert not session.can_undo
    assert session.steering().drags == ()
    assert session.steering().back_to == before


def test_what_was_taken_back_is_done_again_as_it_was_at_its_end():
    session = DragSession()
    number = session.add(A, B)
    session.pull_on(number, C, same_step=True)
    end = session.steering().revision
    session.undo()
    session.redo()
    assert session.steering().back_to == end
    assert [drag.target for drag in session.steering().drags] == [C]
    assert not session.can_redo


def test_a_step_back_is_told_until_the_backend_has_heard_of_it_and_then_no_more():
    session = DragSession()
    session.add(A, B)
    session.undo()
    heard = session.steering()
    session.go(0.5)
    assert session.steering().back_to == heard.back_to
    session.take(update(heard.revision - 1))
    assert session.steering().back_to == heard.back_to
    session.take(update(heard.revision))
    assert session.steering().back_to is None


def test_the_backend_is_told_which_pictures_may_be_wanted_again():
    session = DragSession()
    first = session.steering().revision
    session.add(A, B)
    second = session.steering().revision
    session.add(C, C)
    assert {first, second} <= set(session.steering().stops)
    session.undo()
    session.undo()
    session.add(B, B)
    assert second not in session.steering().stops, "what was taken back is gone when something else is done"


def test_a_new_job_begins_with_the_layer_as_it_is_and_steps_back_lead_there():
    session = DragSession()
    session.add(A, B)
    session.take(update(session.steering().revision, (0,), (C,)))
    assert session.can_keep
    session.begin_anew()
    assert not session.can_keep
    assert session.place_of(session.steering().drags[0]) == A
    session.undo()
    assert session.steering().back_to == 0


def test_a_marker_is_where_the_backend_has_found_the_handle():
    session = DragSession([Drag(A, C)])
    session.take(update(1, (0,), (B,)))
    assert session.nearest(B, reach=3) == (0, "handle")
    assert session.nearest(A, reach=3) is None
    assert session.nearest((C[0] + 2, C[1]), reach=3) == (0, "target")


def test_where_a_handle_has_arrived_its_target_is_taken():
    session = DragSession([Drag(A, B)])
    session.take(update(1, (0,), (B,)))
    assert session.nearest(B, reach=3) == (0, "target")


@pytest.mark.parametrize("same_step", [False, True])
def test_a_handle_that_is_put_elsewhere_and_a_pin_that_is_moved_are_found_anew(same_step: bool):
    session = DragSession([Drag(A, B, (C,)), Drag(C, C)])
    session.grip_elsewhere(0, (11.0, 20.0), same_step)
    session.pull_on(1, (12.0, 60.0), same_step)
    drag, pin = session.steering().drags
    assert (drag.handle, drag.target, drag.via) == ((11.0, 20.0), B, ())
    assert pin.handle == pin.target == (12.0, 60.0)
    assert {drag.id, pin.id}.isdisjoint({0, 1}), "a handle of the same id is never looked for again"
    assert session.chosen == pin.id


def test_the_chosen_drag_is_removed_and_comes_back_with_undo():
    session = DragSession([Drag(A, B), Drag(C, C)])
    session.chosen = 0
    session.remove_chosen()
    assert [drag.id for drag in session.steering().drags] == [1]
    assert session.chosen is None
    session.undo()
    assert [drag.id for drag in session.steering().drags] == [0, 1]


def test_other_paths_replace_the_drags_of_paths_but_not_those_of_the_mouse():
    session = DragSession([Drag(A, B)])
    number = session.add(C, C)
    (new,) = session.replace_drags({0}, [Drag(B, A)])
    assert [(drag.id, drag.target) for drag in session.steering().drags] == [(new, A), (number, C)]


def test_a_painted_mask_is_sent_as_a_picture_and_taken_back():
    session = DragSession()
    assert session.steering().mask is None
    session.paint(everything((400, 300)), same_step=False)
    mask = session.steering().mask
    assert mask
    assert mask.startswith(png.SIGNATURE)
    session.undo()
    assert session.steering().mask is None


def test_pins_alone_pull_nothing():
    session = DragSession([Drag(C, C)])
    assert not session.pulls
    session.add(A, B)
    assert session.pulls


def test_more_than_a_hundred_steps_are_forgotten_from_the_first():
    session = DragSession()
    for x in range(150):
        session.add((float(x), 0.0), (float(x), 9.0))
    steps = 0
    while session.can_undo:
        session.undo()
        steps += 1
    assert steps == 99
    assert len(session.steering().drags) == 51
