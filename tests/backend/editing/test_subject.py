"""The subject: found where it stands in a layer, and left where the region shows it already."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backend.editing.fit import Judge
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.region import Region
from backend.editing.subject import find_subject
from backend.editing.tensor_cache import TensorCache
from stylegan2.critters.making import factors
from stylegan2.critters.making.pairs import HELD_OUT, latents
from stylegan2.critters.making.renderer import render
from tests.benchmarks.framed_heads import frame_of_head, render_framed

SIZE = (400, 600)  # height, width
MODEL_SIZE = (256, 256)
HEAD = factors.from_latent(latents(HELD_OUT)[2:3])
TRUE = frame_of_head(HEAD, SIZE[1] / 3, (380.0, 190.0), 15.0, 256)


def opaque(colours: np.ndarray) -> np.ndarray:
    return np.dstack([colours, np.full(colours.shape[:2], 255, np.uint8)])


@pytest.fixture(scope="module")
def judge(critters: LoadedModel) -> Judge:
    assert critters.encoder is not None
    return Judge(critters.model, critters.encoder, TensorCache())


@pytest.fixture(scope="module")
def layer() -> np.ndarray:
    """A head a third as wide as the layer, off-centre, rolled by 15 degrees."""
    return opaque(render_framed(HEAD, TRUE, SIZE, 256))


def test_a_small_tilted_head_is_found(judge: Judge, layer: np.ndarray) -> None:
    frame = find_subject(judge, layer, MODEL_SIZE).frame
    assert frame is not None
    side = 256 * TRUE.scale
    assert math.hypot(frame.x - TRUE.x, frame.y - TRUE.y) < 0.15 * side
    assert frame.scale == pytest.approx(TRUE.scale, rel=0.2)
    assert frame.roll == pytest.approx(TRUE.roll, abs=8)


def test_what_was_found_is_remembered_and_only_there(
    judge: Judge, layer: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_subject(judge, layer, MODEL_SIZE)
    whole = opaque(render(HEAD, 256, 256)[0].permute(1, 2, 0).contiguous().numpy())
    nothing = find_subject(judge, whole, MODEL_SIZE)
    looked = []
    monkeypatch.setattr("backend.editing.subject.localize", lambda *arguments: looked.append(arguments))
    assert (find_subject(judge, layer, MODEL_SIZE), find_subject(judge, whole, MODEL_SIZE)) == (found, nothing)
    assert not looked
    changed = layer.copy()
    changed[:40] = 0
    with pytest.raises(TypeError):  # of the frame that it is not given
        find_subject(judge, changed, MODEL_SIZE)
    assert len(looked) == 1


def test_around_a_selection_it_is_looked_for_there(judge: Judge, layer: np.ndarray) -> None:
    region = find_subject(judge, layer, MODEL_SIZE, selected=(250, 60, 260, 260), where="selection")
    assert region.frame is not None
    assert region.frame.scale == pytest.approx(TRUE.scale, rel=0.2)


def test_drags_beside_what_was_found_leave_the_region_as_it_was_chosen(judge: Judge, layer: np.ndarray) -> None:
    beside = [Drag(handle=(110.0, 350.0), target=(120.0, 350.0))]
    assert find_subject(judge, layer, MODEL_SIZE, beside) == Region(100, 0, 400, 400, MODEL_SIZE)


def test_a_head_that_fills_the_layer_is_left_where_it_is(judge: Judge) -> None:
    whole = opaque(render(HEAD, 256, 256)[0].permute(1, 2, 0).contiguous().numpy())
    assert find_subject(judge, whole, MODEL_SIZE) == Region(0, 0, 256, 256, MODEL_SIZE)


def test_nothing_is_found_where_nothing_is(judge: Judge) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    for layer in (opaque(noise), opaque(np.full((*SIZE, 3), 90, np.uint8)), np.zeros((*SIZE, 4), np.uint8)):
        assert find_subject(judge, layer, MODEL_SIZE).frame is None


def test_without_an_encoder_nothing_is_looked_for(layer: np.ndarray) -> None:
    assert find_subject(None, layer, MODEL_SIZE) == Region(100, 0, 400, 400, MODEL_SIZE)
