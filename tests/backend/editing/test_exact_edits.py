"""Edits of exact likeness: opened, stopped, remembered, saved in half precision, and what a layer carries of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.editing import edit_state
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.pivotal_tuning import digest_of
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.region import choose_region
from backend.editing.settings import EDITABLE, EXACT, InversionSettings, TuningSettings, with_changes
from backend.editing.steps import InversionProgress
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError

STEPS = 8  # of the tuning
NO_SEARCH = InversionSettings(steps=0)
DRAG = [Drag((150.0, 140.0), (165.0, 140.0))]


@pytest.fixture(scope="module")
def loaded(critters: LoadedModel) -> LoadedModel:
    """The embedded model, which is tuned in few steps."""
    tuning = TuningSettings(steps=STEPS)
    return dataclasses.replace(critters, preset=dataclasses.replace(critters.preset, tuning=tuning))


@pytest.fixture(scope="module")
def image(critters: LoadedModel) -> np.ndarray:
    """A generated animal with a mark that the model cannot show, uint8 [256, 256, 4]."""
    animal = Editor(critters).sample(5)
    animal[100:130, 90:140] = (0, 255, 0)
    return np.dstack([animal, np.full((256, 256), 255, np.uint8)])


@pytest.fixture(scope="module")
def cache(new_cache: Callable[[], TensorCache]) -> TensorCache:
    return new_cache()


class Opened:
    """An editor with the image open, and how it came there."""

    def __init__(self, loaded: LoadedModel, image: np.ndarray, cache: TensorCache) -> None:
        self.editor = Editor(loaded, cache=cache)
        region = choose_region(image.shape[:2], self.editor.generator.image_size)
        self.steps: list[InversionProgress] = list(self.editor.open_steps(image, region, NO_SEARCH, EXACT))
        self.result = self.editor.result()
        self.state = self.result.state


@pytest.fixture(scope="module")
def opened(loaded: LoadedModel, image: np.ndarray, cache: TensorCache) -> Opened:
    return Opened(loaded, image, cache)


def test_the_steps_of_the_tuning_count_on_and_get_nearer_to_the_image(opened: Opened) -> None:
    search = [step for step in opened.steps if not step.tuning]
    tuning = [step for step in opened.steps if step.tuning]
    assert search
    assert tuning
    assert opened.steps == [*search, *tuning]
    assert {step.steps for step in opened.steps} == {STEPS}  # none for the search
    assert [step.step for step in tuning] == list(range(STEPS + 1))
    assert tuning[0].psnr() == pytest.approx(search[-1].psnr(), abs=1e-3)
    assert tuning[-1].psnr() > tuning[0].psnr() + 1
    assert tuning[-1].preview().shape == (256, 256, 3)


def test_the_report_tells_the_likeness_and_what_it_came_to(opened: Opened) -> None:
    report: Any = opened.result.report
    assert report["inversion"]["likeness"] == EXACT
    assert report["inversion"]["psnr"] == opened.steps[-1].psnr()
    assert report["inversion"]["seconds"] > 0


def test_the_weights_belong_to_the_edit_and_not_to_the_model(opened: Opened, critters: LoadedModel) -> None:
    state, own = opened.state, critters.model.generator.state_dict()
    assert state.likeness == EXACT
    assert opened.editor.generator is not critters.model.generator
    changed = [name for name, tensor in state.tuned.items() if not torch.equal(tensor, own[name].half())]
    assert changed


def test_a_second_time_it_is_open_at_once(loaded: LoadedModel, image: np.ndarray, opened: Opened) -> None:
    again = Opened(loaded, image, opened.editor._cache)
    assert len(again.steps) == 2  # found, and tuned
    np.testing.assert_array_equal(again.steps[-1].preview(), opened.steps[-1].preview())
    np.testing.assert_array_equal(again.result.layer, opened.result.layer)


def test_a_tuning_that_is_not_run_to_its_end_leaves_no_edit(
    loaded: LoadedModel, image: np.ndarray, cache: TensorCache
) -> None:
    darker = image // np.array([2, 2, 2, 1], np.uint8)
    editor = Editor(loaded, cache=cache)
    steps = editor.open_steps(darker, None, NO_SEARCH, EXACT)
    while not next(steps).tuning:
        pass
    with pytest.raises(RuntimeError, match="first"):
        editor.result()


def test_an_edit_that_goes_on_tomorrow_shows_what_it_showed_today(
    loaded: LoadedModel, image: np.ndarray, opened: Opened, tmp_path: Path
) -> None:
    opened.state.save(tmp_path / "edit.safetensors")
    tomorrow = Editor(loaded)
    tomorrow.open_state(EditState.load(tmp_path / "edit.safetensors"), image)
    assert torch.equal(tomorrow.image(opened.state.w_plus), opened.editor.image(opened.state.w_plus))
    today = Editor(loaded)
    today.open_state(opened.state, image)
    settings, ends = with_changes(loaded.preset.drag, {"max_steps": 3}), []
    for editor in (today, tomorrow):
        *_, last = editor.drag(DRAG, None, settings)
        ends.append(last.points)
    np.testing.assert_array_equal(*ends)


def test_an_edit_that_is_open_can_be_made_exact(
    loaded: LoadedModel, image: np.ndarray, cache: TensorCache, opened: Opened
) -> None:
    editor = Editor(loaded, cache=cache)
    editor.open(image, None, NO_SEARCH)
    state = editor.result().state
    assert state.likeness == EDITABLE
    editor.open_state(state, image)
    list(editor.exact_steps())
    assert editor.result().state.likeness == EXACT
    assert digest_of(editor.result().state.tuned) == digest_of(opened.state.tuned)
    assert list(editor.exact_steps()) == [], "it is already"


def test_to_a_sample_nothing_is_tuned(loaded: LoadedModel) -> None:
    editor = Editor(loaded)
    editor.sample(5)
    assert editor.result().state.likeness == EXACT
    assert list(editor.exact_steps()) == []
    assert editor.result().state.tuned == {}


def test_the_next_image_is_looked_for_and_made_without_the_weights_of_this_one(
    critters: LoadedModel, loaded: LoadedModel, image: np.ndarray, cache: TensorCache
) -> None:
    editor, fresh = Opened(loaded, image, cache).editor, Editor(critters, cache=cache)
    np.testing.assert_array_equal(editor.sample(6), fresh.sample(6))
    editor = Opened(loaded, image, cache).editor
    tuned, untuned = (list(one.open_steps(image, None, NO_SEARCH))[-1].preview() for one in (editor, fresh))
    np.testing.assert_array_equal(tuned, untuned)


# -- saved --------------------------------------------------------------------------------------------------------


def test_tuned_weights_are_saved_in_half_precision(opened: Opened, tmp_path: Path) -> None:
    opened.state.save(tmp_path / "exact.safetensors")
    dataclasses.replace(opened.state, tuned={}).save(tmp_path / "editable.safetensors")
    exact, editable = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("exact", "editable"))
    numbers = sum(tensor.numel() for tensor in opened.state.tuned.values())
    assert exact - editable == pytest.approx(2 * numbers, rel=0.05)
    assert exact < edit_state.MOST_CARRIED, "the embedded model's edits go into the image whole"


@pytest.fixture
def named(opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EditState:
    """What a layer carries of an edit whose weights are too large for it, saved and read again."""
    monkeypatch.setattr(edit_state, "MOST_CARRIED", 1000)
    opened.state.carried().save(tmp_path / "carried.safetensors")
    return EditState.load(tmp_path / "carried.safetensors")


def test_of_large_weights_a_layer_carries_only_the_hash(opened: Opened, named: EditState) -> None:
    assert opened.state.carried().tuned == {}
    assert named.tuned == {}
    assert named.tuned_sha256 == digest_of(opened.state.tuned)
    assert named.likeness == EXACT
    assert named.carried() == named


def test_weights_that_are_small_enough_are_carried(opened: Opened) -> None:
    assert opened.state.carried() is opened.state


def test_weights_that_an_edit_names_are_found_in_the_cache(
    loaded: LoadedModel, image: np.ndarray, opened: Opened, named: EditState
) -> None:
    editor = Editor(loaded, cache=opened.editor._cache)
    editor.open_state(named, image)
    assert torch.equal(editor.image(named.w_plus), opened.editor.image(named.w_plus))


def test_an_edit_whose_weights_are_gone_is_refused(loaded: LoadedModel, image: np.ndarray, named: EditState) -> None:
    with pytest.raises(UserError, match="not remembered any more; start without the edit"):
        Editor(loaded).open_state(named, image)


@pytest.mark.parametrize("wrong", ["of another shape", "unknown", "not finite"])
def test_weights_that_do_not_fit_the_model_are_refused(
    loaded: LoadedModel, image: np.ndarray, opened: Opened, wrong: str
) -> None:
    name, tensor = next((name, tensor) for name, tensor in opened.state.tuned.items() if tensor.ndim > 1)
    tuned = {
        "of another shape": {name: tensor[1:]},
        "unknown": {"synthesis.b7.const": tensor},
        "not finite": {name: tensor * float("inf")},
    }[wrong]
    with pytest.raises(UserError, match="do not fit its model"):
        Editor(loaded).open_state(dataclasses.replace(opened.state, tuned=tuned), image)
