"""One edit from image to result, and its saved state."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.region import choose_region
from backend.editing.settings import InversionSettings, with_changes
from backend.editing.steps import EditResult
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError
from tests.drafts import remember_drafts

QUICK = InversionSettings(steps=12)
DRAG = [Drag((150.0, 140.0), (165.0, 140.0))]


@pytest.fixture(scope="module")
def image(critters: LoadedModel) -> np.ndarray:
    """A generated animal, 256 high and 300 wide, grey at both sides."""
    animal = Editor(critters).sample(5)
    layer = np.full((256, 300, 4), 255, np.uint8)
    layer[:, 22:278, :3] = animal
    return layer


def edit(editor: Editor, image: np.ndarray, steps: int = 4) -> EditResult:
    region = choose_region(image.shape[:2], editor.generator.image_size)
    editor.open(image, region, QUICK)
    for _ in editor.drag(DRAG, None, with_changes(editor.loaded.preset.drag, {"max_steps": steps})):
        pass
    return editor.result()


@pytest.fixture(scope="module")
def result(critters: LoadedModel, image: np.ndarray, new_cache: Callable[[], TensorCache]) -> EditResult:
    return edit(Editor(critters, cache=new_cache()), image)


def test_the_result_covers_the_region_and_tells_what_was_done(result: EditResult) -> None:
    assert result.offset == (22, 0)
    assert result.layer.shape == (256, 256, 4)
    assert result.mask.shape == (256, 256)
    report = result.report
    assert report["steps"] == 4
    assert report["distances_start"] == {"model_pixels": [15.0], "layer_pixels": [15.0]}
    assert report["points"][0]["arrived"] is False  # type: ignore[index]
    assert "allow more steps" in report["points"][0]["why_not"]  # type: ignore[index]
    assert report["inversion"]["psnr"] > 15  # type: ignore[index]


def test_points_of_a_step_are_in_layer_pixels(
    critters: LoadedModel, image: np.ndarray, new_cache: Callable[[], TensorCache]
) -> None:
    editor = Editor(critters, cache=new_cache())
    region = choose_region(image.shape[:2], editor.generator.image_size)
    editor.open(image, region, InversionSettings(steps=0))
    start = next(iter(editor.drag(DRAG)))
    np.testing.assert_allclose(start.points, [[150, 140]])
    np.testing.assert_allclose(start.distances, [15])
    assert start.preview().shape == (256, 256, 3)


def test_the_previews_of_a_drag_are_drafts_of_a_model_larger_than_they_need_be(
    critters: LoadedModel, image: np.ndarray, new_cache: Callable[[], TensorCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.editing.open_edit.PREVIEW_SIDE", 64)
    editor = Editor(critters, cache=new_cache())
    editor.sample(3)
    assert next(iter(editor.drag(DRAG))).preview().shape == (64, 64, 3)
    assert editor.result().layer.shape == (256, 256, 4), "the result is no draft"


def test_the_same_image_is_inverted_only_once(
    critters: LoadedModel, image: np.ndarray, new_cache: Callable[[], TensorCache]
) -> None:
    editor = Editor(critters, cache=new_cache())
    region = choose_region(image.shape[:2], editor.generator.image_size)
    first = list(editor.open_steps(image, region, QUICK))
    again = list(editor.open_steps(image.copy(), region, QUICK))
    assert len(first) > 12
    assert len(again) == 1
    assert again[0].psnr() == first[-1].psnr()
    darker = image // np.array([2, 2, 2, 1], np.uint8)
    assert len(list(editor.open_steps(darker, region, InversionSettings(steps=2)))) > 1


def test_another_editor_finds_the_inversion_but_not_with_other_settings(
    critters: LoadedModel, image: np.ndarray, tmp_path: Path
) -> None:
    remember_drafts(tmp_path)
    folder, few = tmp_path / "cache", InversionSettings(steps=1)
    region = choose_region(image.shape[:2], (256, 256))
    (*_, last) = Editor(critters, cache=TensorCache(folder)).open_steps(image, region, few)
    tomorrow = Editor(critters, cache=TensorCache(folder))
    (again,) = tomorrow.open_steps(image, region, few)
    assert again.psnr() == last.psnr()
    assert len(list(tomorrow.open_steps(image, region, InversionSettings(steps=2)))) > 1


def test_an_inversion_that_is_not_run_to_its_end_leaves_no_edit(
    critters: LoadedModel, image: np.ndarray, result: EditResult, new_cache: Callable[[], TensorCache]
) -> None:
    editor = Editor(critters, cache=new_cache())
    editor.open_state(result.state, image)
    next(editor.open_steps(image, result.state.region, QUICK))
    with pytest.raises(RuntimeError, match="first"):
        next(iter(editor.drag(DRAG)))
    with pytest.raises(RuntimeError, match="first"):
        editor.result()


def test_without_a_region_the_largest_part_in_the_middle_is_opened(
    critters: LoadedModel, image: np.ndarray, new_cache: Callable[[], TensorCache]
) -> None:
    editor = Editor(critters, cache=new_cache())
    editor.open(image, settings=InversionSettings(steps=0))
    for _ in zip(range(2), editor.drag(DRAG), strict=False):
        pass
    assert editor.result().state.region == choose_region(image.shape[:2], editor.generator.image_size)


def test_a_fully_transparent_layer_is_refused(critters: LoadedModel) -> None:
    editor = Editor(critters)
    with pytest.raises(UserError, match="fully transparent"):
        next(editor.open_steps(np.zeros((128, 128, 4), np.uint8), choose_region((128, 128), (256, 256)), QUICK))


def test_a_saved_edit_is_read_back_the_same(result: EditResult, tmp_path: Path) -> None:
    file = tmp_path / "größe" / "my edit.safetensors"
    file.parent.mkdir()
    result.state.save(file)
    back = EditState.load(file)
    for field in dataclasses.fields(EditState):
        before, after = getattr(result.state, field.name), getattr(back, field.name)
        assert torch.equal(before, after) if isinstance(before, torch.Tensor) else before == after, field.name
    assert [entry.name for entry in file.parent.iterdir()] == [file.name], "no temporary file is left"


def test_going_on_from_an_edit_needs_no_inversion_and_starts_where_it_ended(
    critters: LoadedModel, image: np.ndarray, result: EditResult
) -> None:
    editor = Editor(critters)
    editor.open_state(result.state, image)
    step = next(iter(editor.drag(DRAG)))
    np.testing.assert_array_equal(editor.result().layer, result.layer)
    assert step.distances[0] == pytest.approx(15.0)


def test_an_edit_of_another_image_or_model_is_refused(
    critters: LoadedModel, image: np.ndarray, result: EditResult
) -> None:
    editor = Editor(critters)
    with pytest.raises(UserError, match="another picture"):
        editor.open_state(result.state, 255 - image)
    with pytest.raises(UserError, match="another picture"):
        editor.open_state(result.state, image[:100])
    with pytest.raises(UserError, match="made with the model"):
        editor.open_state(dataclasses.replace(result.state, model_sha256="0" * 64), image)


def test_tuned_weights_belong_to_the_edit_alone(
    critters: LoadedModel, image: np.ndarray, result: EditResult, tmp_path: Path
) -> None:
    generator = critters.model.generator
    before = generator.synthesis(result.state.w_plus).clone()
    name = "synthesis.b4.const"
    tuned = dataclasses.replace(result.state, tuned={name: torch.zeros_like(generator.state_dict()[name])})
    tuned.save(tmp_path / "tuned.safetensors")
    editor = Editor(critters)
    editor.open_state(EditState.load(tmp_path / "tuned.safetensors"), image)
    assert not torch.allclose(editor.image(result.state.w_plus), before, atol=0.01)
    assert torch.equal(generator.synthesis(result.state.w_plus), before)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_file_that_is_no_edit_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "edit.safetensors"
    file.write_bytes(content)
    with pytest.raises(UserError, match="is not a saved edit"):
        EditState.load(file)


def framed(**wrong: Any) -> dict[str, Any]:
    """A saved region with a frame, and something wrong about it."""
    frame = {"x": 128.0, "y": 128.0, "scale": 1.0, "roll": 10.0}
    box = {"width": 256, "height": 256, "model_size": [256, 256]}
    frame, box = ({name: wrong.get(name, value) for name, value in part.items()} for part in (frame, box))
    return {"x": 0, "y": 0, **box, "frame": frame}


@pytest.mark.parametrize(
    "wrong",
    [
        {"model_name": 3},
        {"region": None},
        {"region": {"x": 1}},
        {"region": framed(scale=0.0)},
        {"region": framed(roll="upright")},
        {"region": framed(x=float("nan"))},
        {"region": framed(width=100_000)},
        {"on_result": "perhaps"},
        {"inversion_psnr": "x"},
    ],
)
def test_an_edit_with_values_of_another_type_is_refused(
    wrong: dict[str, Any], result: EditResult, tmp_path: Path
) -> None:
    file = tmp_path / "edit.safetensors"
    result.state.save(file)
    with safetensors.safe_open(file, "pt") as saved:
        metadata = saved.metadata()
        tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118 - not a mapping
    record = json.loads(metadata["edit"])
    record |= wrong
    safetensors.torch.save_file(tensors, file, {**metadata, "edit": json.dumps(record)})
    with pytest.raises(UserError, match="is not a saved edit"):
        EditState.load(file)


def test_an_edit_of_before_there_were_frames_is_read(result: EditResult, tmp_path: Path) -> None:
    result.state.save(file := tmp_path / "edit.safetensors")
    with safetensors.safe_open(file, "pt") as saved:
        record = json.loads(saved.metadata()["edit"])
        tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118 - not a mapping
    assert record["region"].pop("frame") is None
    safetensors.torch.save_file(tensors, file, {"format": "draggan-edit", "edit": json.dumps(record)})
    assert EditState.load(file).region == result.state.region


@pytest.mark.parametrize("path", [torch.zeros(0), torch.zeros(0, 14, 512), torch.zeros(2, 3, 5)])
def test_an_edit_without_a_path_is_refused(path: torch.Tensor, result: EditResult, tmp_path: Path) -> None:
    dataclasses.replace(result.state, path=path).save(tmp_path / "edit.safetensors")
    with pytest.raises(UserError, match="is not a saved edit"):
        EditState.load(tmp_path / "edit.safetensors")


def test_an_edit_that_cannot_be_written_leaves_nothing(result: EditResult, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be written"):
        result.state.save(tmp_path / "nowhere" / "edit.safetensors")
    assert not list(tmp_path.iterdir())
