"""A drag that is steered: what is wanted of it changes between its steps."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from backend.editing.code_path import code_at
from backend.editing.editor import Editor
from backend.editing.live_drag import LiveDrag, Steering
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.steps import DragStep

FACE = Drag((128.0, 140.0), (150.0, 140.0))
EAR = Drag((96.0, 96.0), (96.0, 84.0))
PIN = Drag.pin((80.0, 104.0))


class Steered:
    """A live drag of a sample, 256 pixels wide and high, and who steers it."""

    def __init__(self, critters: LoadedModel) -> None:
        self.editor = Editor(critters)
        self.editor.sample(5)
        self.steering = Steering()
        self._steps = self.editor.live_drag(lambda: self.steering)
        self.now = next(self._steps)

    def wants(self, steps: int = 1, **changes: Any) -> DragStep:
        """Change what is wanted, and take so many steps."""
        once = {"back_to": None, "revision": self.steering.revision + 1}
        self.steering = dataclasses.replace(self.steering, **{**once, **changes})
        return self.goes_on(steps)

    def goes_on(self, steps: int = 1) -> DragStep:
        for _ in range(steps):
            self.now = next(self._steps)
        return self.now

    def rests(self, most: int = 200) -> DragStep:
        """Go on until it rests."""
        while self.now.running:
            most -= 1
            assert most, "it does not come to rest"
            self.goes_on()
        return self.now

    @property
    def live(self) -> LiveDrag:
        assert self.editor._live is not None
        return self.editor._live

    @property
    def code(self) -> torch.Tensor:
        return self.editor._open_state.w_plus

    @property
    def templates(self) -> list[torch.Tensor]:
        return [handle.template for handle in self.live._loop.handles]


@pytest.fixture
def steered(critters: LoadedModel) -> Steered:
    return Steered(critters)


def test_with_nothing_wanted_nothing_moves(steered: Steered) -> None:
    assert (steered.now.step, steered.now.running, steered.now.ids) == (0, False, ())
    assert steered.goes_on(3).step == 0
    assert steered.now.preview().shape == (256, 256, 3)
    assert not steered.editor.has_moved


def test_a_drag_that_is_wanted_later_goes_the_way_of_one_that_is_asked_for_at_once(
    critters: LoadedModel, steered: Steered
) -> None:
    plain = Editor(critters)
    plain.sample(5)
    *_, last = plain.drag([FACE, PIN])
    steered.wants(drags={3: FACE, 7: PIN})
    assert steered.rests().ids == (3, 7)
    assert (steered.now.step, steered.now.points.tolist()) == (last.step, last.points.tolist())
    assert torch.equal(steered.code, plain._open_state.w_plus)


def test_a_second_drag_begins_in_the_image_as_it_is_then(steered: Steered) -> None:
    steered.wants(6, drags={1: FACE})
    (template,), (before,) = steered.templates, steered.now.points
    after = steered.wants(drags={2: EAR, 1: FACE})
    assert after.ids == (2, 1)
    assert np.abs(after.points - [EAR.handle, before]).max() < 6, "each is where it was, but for one step"
    assert torch.equal(steered.templates[1], template)
    assert steered.rests().arrived.all()


def test_the_template_of_a_new_handle_is_read_from_the_moved_image(critters: LoadedModel, steered: Steered) -> None:
    unmoved = Steered(critters)
    unmoved.wants(drags={2: EAR}, running=False)
    steered.wants(8, drags={1: FACE})
    steered.wants(drags={1: FACE, 2: EAR}, running=False)
    assert (steered.templates[1] - unmoved.templates[0]).abs().max() > 0.01


def test_a_moved_target_changes_the_goal_and_nothing_else(steered: Steered) -> None:
    before = steered.wants(6, drags={1: FACE})
    (template,) = steered.templates
    after = steered.wants(drags={1: Drag(FACE.handle, (128.0, 110.0))}, running=False)
    assert (after.step, after.points.tolist()) == (before.step, before.points.tolist())
    assert after.distances[0] == pytest.approx(np.hypot(*(after.points[0] - [128, 110])), abs=1e-3)
    assert torch.equal(steered.templates[0], template)
    steered.wants(running=True)
    assert steered.rests().arrived.all()


def test_what_has_arrived_rests_until_its_target_is_moved(steered: Steered) -> None:
    steered.wants(drags={1: Drag(FACE.handle, (134.0, 140.0))})
    arrived = steered.rests()
    assert steered.goes_on(3).step == arrived.step
    assert steered.wants(drags={1: FACE}).step == arrived.step + 1
    assert steered.rests().arrived.all()


def test_a_drag_that_is_left_out_is_over_and_what_it_moved_stays_moved(steered: Steered) -> None:
    steered.wants(6, drags={1: FACE, 2: EAR})
    code = steered.code
    assert steered.wants(drags={}).ids == ()
    assert not steered.now.running
    assert torch.equal(steered.code, code)
    report = steered.editor.result().report
    assert (report["steps"], report["points"]) == (6, [])


def test_a_pause_does_not_change_the_way(critters: LoadedModel, steered: Steered) -> None:
    through = Steered(critters)
    through.wants(8, drags={1: FACE})
    steered.wants(4, drags={1: FACE})
    assert not steered.wants(3, running=False).running
    steered.wants(4, running=True)
    assert steered.now.step == through.now.step == 8
    torch.testing.assert_close(steered.code, through.code)


def test_it_can_be_taken_back_and_done_again(steered: Steered) -> None:
    opened = steered.code
    first = steered.wants(5, drags={1: FACE})
    code, path = steered.code, steered.live.path()
    second = steered.wants(5, drags={1: FACE, 2: EAR}, stops=(1,))
    done = steered.code
    back = steered.wants(running=False, drags={1: FACE}, back_to=1, stops=(2,))
    assert back.points.tolist() == first.points.tolist()
    assert torch.equal(steered.code, code)
    assert torch.equal(steered.live.path(), path)
    again = steered.wants(drags={1: FACE, 2: EAR}, back_to=2)
    assert again.points.tolist() == second.points.tolist()
    assert torch.equal(steered.code, done)
    steered.wants(drags={}, back_to=0)
    assert torch.equal(steered.code, opened)
    assert not steered.editor.has_moved


def test_a_revision_that_came_too_late_stands_for_the_one_before(steered: Steered) -> None:
    steered.wants(5, drags={1: FACE})
    code = steered.code
    steered.wants(5, revision=9, drags={1: FACE, 2: EAR}, stops=(4,))
    steered.wants(running=False, back_to=4)
    assert torch.equal(steered.code, code)


@pytest.mark.parametrize("how_far", [0.0, 0.5, 1.5])
def test_any_place_of_the_way_can_be_shown_and_kept(steered: Steered, how_far: float) -> None:
    steered.wants(5, drags={1: FACE})
    gone, code, whole = steered.now, steered.code, steered.live.path()
    shown = steered.wants(3, how_far=how_far)
    assert (shown.step, shown.running) == (5, False)
    assert torch.equal(steered.code, code_at(whole, how_far))
    assert gone.points[0, 0] > 132
    np.testing.assert_allclose(shown.points[0], FACE.handle + how_far * (gone.points[0] - FACE.handle))
    kept = steered.editor.result()
    assert torch.equal(kept.state.path[-1:], kept.state.w_plus)
    assert kept.report["how_far"] == how_far
    assert kept.mask.any() == (how_far > 0)
    steered.wants(running=False, how_far=1.0)
    assert torch.equal(steered.code, code)
    assert steered.wants(running=True).step == 6


def test_the_way_of_a_second_drag_goes_on_from_the_first(steered: Steered) -> None:
    steered.wants(5, drags={1: FACE})
    steered.wants(how_far=0.5)
    code = steered.code
    steps = steered.editor.live_drag(lambda: Steering(drags={1: EAR}, how_far=1.0))
    next(steps)
    assert torch.equal(steered.code, code), "it begins with what was shown"
    next(steps)
    path = steered.editor.result().state.path
    assert any(torch.equal(one, code[0]) for one in path)


def test_a_point_outside_is_refused_until_something_else_is_wanted_and_what_was_goes_on(steered: Steered) -> None:
    steered.wants(3, drags={1: FACE})
    step = steered.wants(drags={1: FACE, 2: Drag((300.0, 20.0), (310.0, 20.0))})
    assert step.refused is not None
    revision, sentence = step.refused
    assert revision == 2
    assert "300, 20 lies outside" in sentence
    assert (step.revision, step.ids, step.step) == (1, (1,), 4)
    assert steered.goes_on().refused == step.refused, "it stands, so that it is seen"
    assert steered.wants(drags={1: FACE}).refused is None


def test_a_mask_that_comes_later_brings_back_what_it_keeps(steered: Steered) -> None:
    features = steered.editor.generator.synthesis.features
    start = features(steered.code, block=64)
    steered.wants(drags={1: FACE})
    steered.rests()
    moved = (features(steered.code, block=64) - start)[..., :26].abs().mean()
    mask = np.zeros((256, 256), np.uint8)
    mask[116:200, 80:180] = 255
    assert steered.wants(mask=mask).running
    assert steered.rests().arrived.all()
    assert (features(steered.code, block=64) - start)[..., :26].abs().mean() < 0.7 * moved
    assert steered.wants(mask=np.zeros((256, 256), np.uint8)).refused


def test_a_pin_can_be_pulled_and_goes_back_with_its_target(steered: Steered) -> None:
    steered.wants(drags={1: Drag.pin(FACE.handle)})
    assert not steered.now.running
    steered.wants(drags={1: FACE})
    assert steered.rests().points[0, 0] > 148
    steered.wants(drags={1: Drag.pin(FACE.handle)})
    assert steered.rests().points[0, 0] < 130


def test_the_steps_begin_anew_with_what_is_wanted(steered: Steered) -> None:
    few = dataclasses.replace(steered.editor.loaded.preset.drag, max_steps=5)
    wanted = Steering(drags={1: FACE})
    steps = steered.editor.live_drag(lambda: wanted, few)
    assert [next(steps).running for _ in range(8)] == 5 * [True] + 3 * [False]
    wanted = Steering(revision=1, drags={1: FACE, 2: EAR})
    assert [next(steps).step for _ in range(7)] == [6, 7, 8, 9, 10, 10, 10]


def test_while_the_next_picture_is_being_found_nothing_is_kept_of_the_last_drag(steered: Steered) -> None:
    steered.wants(2, drags={1: FACE})
    drag = weakref.ref(steered.live._loop)
    del steered._steps
    next(steered.editor.open_steps(np.full((256, 256, 4), 255, np.uint8), steered.live.region))
    gc.collect()
    assert drag() is None
