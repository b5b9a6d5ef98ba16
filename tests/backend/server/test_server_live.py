"""A drag that its client steers while it runs, over a real connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.client import Result
from backend.editing.edit_state import EditState
from backend.errors import Cancelled
from tests.backend.server.harness import Backend
from tests.backend.server.live import EAR, FAR, NOSE, PIN, QUICK, Live, png


def test_it_opens_without_anything_to_drag_and_waits(live: Callable[..., Live]) -> None:
    drag = live()
    first = next(update for _, update in drag.updates if update.phase == "drag")
    assert (first.step, first.running, first.ids, first.revision) == (0, False, (), 0)
    assert first.preview is not None
    assert first.region == (8, 0, 64, 64)
    time.sleep(1.2)
    assert drag.now.step == 0
    assert isinstance(drag.finish(), Cancelled), "nothing has moved"


def test_drags_that_it_is_opened_with_are_in_force_at_once(live: Callable[..., Live]) -> None:
    drag = live(drags=({"handle": NOSE.handle, "target": NOSE.target},))
    rested = drag.at_rest()
    assert (rested.ids, rested.revision) == ((0,), 0)
    assert abs(rested.points[0][0] - 46) < 1


def test_points_are_added_moved_and_pinned_while_it_runs(live: Callable[..., Live]) -> None:
    drag = live()
    assert drag.in_force(FAR, PIN).ids == (1, 3)
    moving = drag.until(lambda update: update.step > 3, "it moves")
    second = drag.in_force(EAR, FAR, PIN)
    assert second.ids == (2, 1, 3)
    assert second.points[1][0] > 40.2, "the first goes on from where it was"
    assert abs(second.points[0][1] - 16) < 2
    assert second.step > moving.step
    back = drag.in_force(EAR, NOSE, PIN)
    assert back.targets[1] == (46.0, 34.0)
    rested = drag.at_rest()
    assert abs(rested.points[1][0] - 46) < 1
    result = drag.finish()
    assert isinstance(result, Result)
    points = result.report["points"]
    assert [point["handle"] for point in points] == [[30, 16], [40, 34], [24, 30]]
    assert [point["pin"] for point in points] == [False, False, True]
    assert all(point["arrived"] for point in points[:2])
    assert np.asarray(Image.open(result.mask)).any()


def test_it_pauses_and_goes_on(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(FAR)
    drag.until(lambda update: update.step > 2, "it moves")
    paused = drag.in_force(running=False)
    assert not paused.running
    time.sleep(1.2)
    assert drag.now.step == paused.step
    assert drag.in_force(running=True).running
    drag.until(lambda update: update.step > paused.step + 2, "it goes on")


def test_it_is_taken_back_to_where_it_was(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    first = drag.at_rest()
    drag.wants(NOSE, EAR, stops=(1,))
    drag.until(lambda update: update.revision == 2 and not update.running, "the second has arrived")
    back = drag.in_force(NOSE, back_to=1, running=False)
    assert back.points == first.points
    assert back.preview == first.preview


def test_going_back_is_not_lost_where_something_newer_comes_at_once(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    moved = drag.at_rest()
    drag.wants(running=False, drags=(), back_to=0)
    start = drag.in_force(NOSE, running=False)
    assert start.points == (NOSE.handle,)
    assert start.preview != moved.preview


@pytest.mark.parametrize("how_far", [0.0, 0.5, 1.5])
def test_how_far_is_shown_and_kept(live: Callable[..., Live], how_far: float) -> None:
    drag = live()
    drag.wants(NOSE)
    whole = drag.at_rest()
    shown = drag.in_force(how_far=how_far)
    assert not shown.running
    assert shown.preview != whole.preview
    assert abs(shown.points[0][0] - (40 + how_far * (whole.points[0][0] - 40))) < 0.01
    if how_far == 0.5:
        assert drag.in_force(how_far=1.0).preview == whole.preview
        drag.in_force(how_far=how_far)
    result = drag.finish()
    if how_far == 0:
        assert isinstance(result, Cancelled)
        return
    assert result.report["how_far"] == how_far
    edit = EditState.load(result.edit)
    assert (edit.path[-1:] - edit.w_plus).abs().max() == 0


def test_a_painted_mask_of_another_size_says_what_may_move(live: Callable[..., Live]) -> None:
    drag = live()
    drag.wants(NOSE)
    drag.at_rest()
    mask = np.zeros((32, 40), np.uint8)
    mask[8:28, 10:30] = 255
    assert drag.in_force(mask=png(mask)).running, "what it keeps goes back"
    drag.at_rest()
    result = drag.finish()
    changed = Image.new("L", (80, 64))
    changed.paste(Image.open(result.mask), result.offset)
    left, top, right, bottom = changed.getbbox() or (0, 0, 0, 0)
    assert 18 <= left < right <= 62
    assert 14 <= top < bottom <= 58


def test_an_all_white_mask_lets_everything_move(live: Callable[..., Live], mask: Path) -> None:
    drag = live(mask=mask)
    white = png(np.full((1, 1), 255, np.uint8))
    drag.in_force(NOSE, mask=white)
    drag.at_rest()
    free = drag.at_rest()
    drag.in_force(mask=None)
    kept = drag.at_rest()
    assert kept.preview != free.preview, "the request's mask keeps the right half"


def test_an_older_revision_is_not_followed(live: Callable[..., Live]) -> None:
    drag = live()
    drag.in_force(NOSE, revision=10)
    drag.wants(EAR, revision=9)
    time.sleep(0.7)
    assert (drag.now.revision, drag.now.ids) == (10, (1,))


def test_what_is_wanted_while_the_picture_is_found_counts_from_then_on(
    backend: Backend, picture: Path, tmp_path: Path
) -> None:
    drag = Live(backend.connection(tmp_path), picture, {**QUICK, "inversion_steps": 40, "model": "critters"})
    try:
        drag.until(lambda update: update.phase == "invert", "it searches")
        drag.wants(NOSE)
        first = drag.until(lambda update: update.phase == "drag", "the picture is found")
        assert (first.step, first.revision, first.points) == (0, 1, (NOSE.handle,))
    finally:
        drag.close()
    backend.wait_idle()
