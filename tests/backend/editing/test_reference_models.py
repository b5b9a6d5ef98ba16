"""From image to result with models of another kind: with classes, and with images that are not square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.region import Region, choose_region
from backend.editing.settings import InversionSettings, with_changes
from backend.editing.steps import EditResult
from backend.errors import UserError
from backend.models import open_model
from stylegan2.latent_space import SAMPLES, LatentSpace

CHECKPOINTS = Path(__file__).parents[2] / "data" / "checkpoints"
ENLARGED = 4  # layer pixels per pixel of the model


@pytest.fixture(scope="module")
def classes() -> LoadedModel:
    """A model of three classes, 32 x 32 pixels."""
    return open_model(CHECKPOINTS / "official_conditional.pkl")


@pytest.fixture(scope="module")
def upright() -> LoadedModel:
    """A model whose images are 32 high and 16 wide."""
    return open_model(CHECKPOINTS / "official_nonsquare.pkl")


def layer_with(image: np.ndarray, margin: int) -> np.ndarray:
    """The image, enlarged, on a layer with `margin` grey pixels at the left and at the right."""
    large = image.repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    layer = np.full((large.shape[0], large.shape[1] + 2 * margin, 4), 128, np.uint8)
    layer[:, margin : margin + large.shape[1], :3] = large
    layer[..., 3] = 255
    return layer


def dragged(editor: Editor, layer: np.ndarray, mask: np.ndarray, drag: Drag) -> tuple[EditResult, list[np.ndarray]]:
    """The result of a short drag, and where the handle was at each step."""
    region = choose_region(layer.shape[:2], editor.generator.image_size)
    editor.open(layer, region, InversionSettings(steps=10))
    settings = with_changes(editor.loaded.preset.drag, {"max_steps": 40})
    points = [step.points[0] for step in editor.drag([drag], mask, settings)]
    return editor.result(), points


def check_result(layer: np.ndarray, mask: np.ndarray, result: EditResult, size: tuple[int, int]) -> None:
    """The result covers the model's part of the layer, has changed something, and nothing that is not selected."""
    assert result.layer.shape == (*size, 4)
    assert result.mask.shape == size
    assert result.mask.any()
    x, y = result.offset
    selected = mask[y : y + size[0], x : x + size[1]]
    assert not result.mask[selected == 0].any()
    part = layer[y : y + size[0], x : x + size[1]]
    assert (result.layer[result.mask > 0] != part[result.mask > 0]).any()


@pytest.mark.parametrize("label", [0, 2])
def test_a_image_of_a_class_is_found_and_dragged(classes: LoadedModel, label: int, tmp_path: Path) -> None:
    editor = Editor(classes)
    layer = layer_with(editor.sample(5, label=label), margin=6)
    mask = np.zeros(layer.shape[:2], np.uint8)
    mask[:, 20:110] = 255
    result, points = dragged(editor, layer, mask, Drag((50, 60), (64, 60)))
    assert result.offset == (6, 0)
    check_result(layer, mask, result, (128, 128))
    np.testing.assert_allclose(points[0], (50, 60))
    assert points[-1][0] > 50
    result.state.save(tmp_path / "edit.safetensors")
    editor.open_state(EditState.load(tmp_path / "edit.safetensors"), layer)
    np.testing.assert_array_equal(editor.image(result.state.w_plus), editor.image(editor.result().state.w_plus))


def test_the_search_begins_in_every_class(classes: LoadedModel) -> None:
    generator = classes.model.generator
    z = torch.randn(SAMPLES, generator.z_dim, generator=torch.Generator().manual_seed(0))
    of_classes = [generator.mapping(z, one_hot.expand(SAMPLES, -1))[:, 0] for one_hot in torch.eye(3)]
    samples = LatentSpace(generator).samples
    own = torch.stack([(samples - w).abs().amax(dim=1) < 1e-5 for w in of_classes])
    assert bool((own.sum(dim=0) == 1).all())
    assert float(own.float().mean(dim=1).min()) > 0.3


def test_a_image_of_ones_own_is_of_the_class_that_was_chosen(classes: LoadedModel) -> None:
    editor = Editor(classes)
    images = [editor.sample(5, label=label) for label in (0, 1, 1)]
    assert (images[0] != images[1]).any()
    np.testing.assert_array_equal(images[1], images[2])


@pytest.mark.parametrize("label", [None, -1, 3])
def test_a_class_that_is_missing_or_none_is_refused(classes: LoadedModel, label: int | None) -> None:
    with pytest.raises(UserError, match="has 3 classes; choose one from 0 to 2"):
        Editor(classes).sample(3, label=label)


def test_a_class_for_a_model_without_any_is_refused(upright: LoadedModel) -> None:
    with pytest.raises(UserError, match="has no classes; leave the class out"):
        Editor(upright).sample(3, label=0)


def test_a_image_that_is_not_square_is_found_and_dragged(upright: LoadedModel) -> None:
    editor = Editor(upright)
    layer = layer_with(editor.sample(3), margin=30)
    mask = np.zeros(layer.shape[:2], np.uint8)
    mask[30:, :] = 255
    result, points = dragged(editor, layer, mask, Drag((60, 60), (60, 90)))
    assert result.offset == (30, 0)
    check_result(layer, mask, result, (128, 64))
    np.testing.assert_allclose(points[0], (60, 60))
    psnr = result.state.inversion_psnr
    assert psnr is not None
    assert psnr > 22  # of random weights, whose images are unlike each other: a wrong one has about 10


def test_a_point_of_a_image_that_is_not_square_is_the_same_point_of_its_layer(upright: LoadedModel) -> None:
    """A bright spot in the layer is where the model's image has it, along both sides."""
    layer = np.zeros((200, 400), np.uint8)
    region = choose_region((200, 400), upright.model.generator.image_size)
    assert region == Region(150, 0, 100, 200, (32, 16))
    x, y = region.to_layer(np.array([11.5, 25.5])).round().astype(int)
    layer[y - 3 : y + 3, x - 3 : x + 3] = 255
    small = region.shrink(region.crop(layer))
    assert np.unravel_index(small.argmax(), small.shape) == (25, 11)
