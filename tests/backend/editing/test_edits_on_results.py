"""One drag after the other: each moves the pixels that the first one began with, as long as these are at hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.layers import composite_over
from backend.editing.pixels import digest
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.settings import with_changes
from backend.editing.steps import EditResult
from backend.errors import UserError

TIMES, STEP = 4, 4.0  # tiny drags in turn, in pixels
HANDLE = 140.0, 140.0


@pytest.fixture(scope="module")
def layer(critters: LoadedModel) -> np.ndarray:
    """A generated animal with much grain, uint8 [256, 256, 4]."""
    animal = Editor(critters).sample(5).astype(int)
    grain = np.random.default_rng(0).integers(-40, 41, (256, 256, 1))
    return np.dstack([(animal + grain).clip(0, 255), np.full((256, 256), 255)]).astype(np.uint8)


@pytest.fixture(scope="module")
def start(critters: LoadedModel, layer: np.ndarray) -> EditState:
    """An edit that begins with the layer, at the code that made it: better than any inversion."""
    editor = Editor(critters)
    editor.sample(5)
    return dataclasses.replace(editor.result().state, image_sha256=digest(layer))


def dragged(editor: Editor, number: int, steps: int = 4) -> EditResult:
    """Do the tiny drag of this number with what is open."""
    x, y = HANDLE
    drag = Drag((x + number * STEP, y), (x + (number + 1) * STEP, y))
    settings = with_changes(editor.loaded.preset.drag, {"max_steps": steps, "stop_radius": 0.5})
    for _ in editor.drag([drag], None, settings):
        pass
    return editor.result()


def seen(layer: np.ndarray, result: EditResult) -> np.ndarray:
    return composite_over(layer, result.layer, result.mask, result.offset)


def handed_over(result: EditResult) -> EditState:
    """The edit for the next drag, on a layer of the same size."""
    return result.state.continued(result.state.region)


@pytest.fixture(scope="module")
def first(critters: LoadedModel, layer: np.ndarray, start: EditState) -> EditResult:
    editor = Editor(critters)
    editor.open_state(start, layer)
    return dragged(editor, 0)


def test_an_edit_on_its_result_keeps_where_it_began(first: EditResult, start: EditState) -> None:
    continued = handed_over(first)
    assert not first.state.on_result
    assert continued.on_result
    assert torch.equal(continued.start_w_plus, start.start_w_plus)
    assert torch.equal(continued.w_plus, first.state.w_plus)
    assert torch.equal(continued.path, first.state.path)
    assert continued.image_sha256 == start.image_sha256


def test_a_restarted_edit_begins_where_it_is(first: EditResult) -> None:
    restarted = handed_over(first).restarted("f" * 64)
    assert not restarted.on_result
    assert restarted.image_sha256 == "f" * 64
    for code in (restarted.start_w_plus, restarted.path):
        assert torch.equal(code, first.state.w_plus)


def test_a_second_drag_with_the_original_moves_the_originals_pixels(
    critters: LoadedModel, layer: np.ndarray, first: EditResult, start: EditState
) -> None:
    editor, once = Editor(critters), seen(layer, first)
    editor.open_state(handed_over(first), once, layer)
    twice = dragged(editor, 1)
    assert twice.state.on_result
    assert torch.equal(twice.state.start_w_plus, start.start_w_plus)
    assert twice.state.image_sha256 == digest(layer)
    assert len(twice.state.path) > len(first.state.path)
    np.testing.assert_array_equal(twice.source, once)
    straight = Editor(critters)
    straight.open_state(dataclasses.replace(twice.state, on_result=False), layer)
    at_once = straight.result().layer
    inside = twice.mask == 255
    assert inside.mean() > 0.1
    assert np.abs(twice.layer.astype(int) - at_once)[inside].max() <= 1, "as if there had been one drag only"


@pytest.mark.parametrize("original", ["none", "painted on", "of another size"])
def test_without_the_true_original_a_second_drag_begins_with_the_layer_at_hand(
    critters: LoadedModel, layer: np.ndarray, first: EditResult, original: str
) -> None:
    painted = layer.copy()
    painted[100, 100, 0] ^= 1
    given = {"none": None, "painted on": painted, "of another size": layer[:, :200]}[original]
    editor, once = Editor(critters), seen(layer, first)
    editor.open_state(handed_over(first), once, given)
    result = dragged(editor, 1)
    assert not result.state.on_result
    assert torch.equal(result.state.start_w_plus, first.state.w_plus)
    assert result.state.image_sha256 == digest(once)
    assert torch.equal(result.state.path[0], first.state.w_plus[0])


def test_the_original_of_an_edit_on_its_own_image_is_that_image(
    critters: LoadedModel, layer: np.ndarray, start: EditState, first: EditResult
) -> None:
    editor = Editor(critters)
    editor.open_state(first.state, layer, None)
    np.testing.assert_array_equal(editor.result().layer, first.layer)
    with pytest.raises(UserError, match="another picture"):
        editor.open_state(start, seen(layer, first))


def sharpness(image: np.ndarray, where: np.ndarray) -> float:
    grey = image[..., :3].astype(float).mean(axis=2)
    return float(np.abs(np.diff(grey, axis=1))[where[:, 1:]].mean())


def test_many_tiny_drags_with_the_original_are_as_sharp_as_a_single_one(
    critters: LoadedModel, layer: np.ndarray, first: EditResult
) -> None:
    """Without it the layer is read between its pixels anew with every drag, and gets softer each time."""
    editor, where = Editor(critters), first.mask == 255
    with_original, without = [sharpness(seen(layer, first), where)], [sharpness(seen(layer, first), where)]
    single = 0.0
    for sharp, original in ((with_original, layer), (without, None)):
        image, result = seen(layer, first), first
        for number in range(1, TIMES):
            editor.open_state(handed_over(result), image, original)
            result = dragged(editor, number)
            image = seen(image, result)
            sharp.append(sharpness(image, where))
        if original is not None:
            editor.open_state(dataclasses.replace(result.state, on_result=False), layer)
            single = sharpness(seen(layer, editor.result()), where)
    assert with_original[-1] > 0.97 * single
    assert without == sorted(without, reverse=True)
    assert without[-1] < 0.95 * single


def written_by_0_1(state: EditState, file: Path) -> EditState:
    """Return what is read back of a file of the first release, which did not say whether it is on its result."""
    state.save(file)
    with safetensors.safe_open(file, "pt") as opened:
        record = json.loads(opened.metadata()["edit"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
    del record["on_result"]
    record["version"], record["picture_sha256"] = 1, record.pop("image_sha256")
    file.write_bytes(safetensors.torch.save(tensors, {"format": "draggan-edit", "edit": json.dumps(record)}))
    return EditState.load(file)


def test_an_edit_on_its_result_of_the_first_version_is_gone_on_from_with_the_layer_at_hand(
    critters: LoadedModel, layer: np.ndarray, first: EditResult, tmp_path: Path
) -> None:
    code = first.state.w_plus
    continued = dataclasses.replace(handed_over(first), start_w_plus=code, path=code, image_sha256="")
    old = written_by_0_1(continued, tmp_path / "edit.safetensors")
    assert old.on_result
    editor, once = Editor(critters), seen(layer, first)
    editor.open_state(old, once, layer)
    result = dragged(editor, 1)
    assert not result.state.on_result
    assert torch.equal(result.state.start_w_plus, first.state.w_plus)
    assert result.state.image_sha256 == digest(once)


def test_an_edit_of_the_first_version_with_a_hash_is_on_its_own_image(first: EditResult, tmp_path: Path) -> None:
    assert written_by_0_1(first.state, tmp_path / "edit.safetensors").on_result is False
