"""A drag job from request to result, and every request that is refused: one sentence each."""

from __future__ import annotations

import base64
import itertools
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from backend.editing.edit_state import EditState
from tests.backend.server.harness import SHORT, Backend, submit, updates


@pytest.fixture(scope="module")
def outputs(backend: Backend, picture: Path) -> list[tuple[Any, ...]]:
    return list(updates(submit(backend.client(), picture)))


def test_health_says_what_is_there(backend: Backend) -> None:
    health = backend.client().predict(api_name="/health")
    assert health["protocol"] == 1
    assert health["version"] == "0.1.0"
    assert health["device"] in ("cpu", "cuda", "mps")
    assert health["busy"] is False
    assert health["models"][0] == {"name": "critters", "height": 256, "width": 256}


@pytest.mark.parametrize(
    ("selected", "options", "region"),
    [
        (None, {}, [50, 0, 300, 300]),
        ([100, 100, 20, 20], {"region": "selection"}, [97, 97, 26, 26]),
        (None, {"model": "a file that was not opened yet.pkl"}, None),
    ],
)
def test_a_client_can_ask_which_part_of_a_layer_the_model_would_see(
    backend: Backend, selected: Any, options: dict[str, Any], region: Any
) -> None:
    answer = backend.client().predict([400, 300], selected, options, api_name="/region")
    assert answer == {"region": region}


def test_a_region_around_nothing_is_refused_with_the_same_sentence_as_its_drag(backend: Backend) -> None:
    with pytest.raises(AppError, match="Nothing is selected on this layer"):
        backend.client().predict([400, 300], None, {"region": "selection"}, api_name="/region")


def test_phases_come_in_their_order(outputs: list[tuple[Any, ...]]) -> None:
    phases = [phase for phase, _ in itertools.groupby(output[0]["phase"] for output in outputs)]
    assert phases == ["load", "invert", "drag", "compose", "done"]


def test_updates_tell_points_and_distances_in_layer_pixels(outputs: list[tuple[Any, ...]]) -> None:
    drags = [output[0] for output in outputs if output[0]["phase"] == "drag"]
    for update in drags:
        assert update["targets"] == [[52.0, 32.0]]
        assert update["region"] == [8, 0, 64, 64]
        (x, y), (distance,) = update["points"][0], update["distances"]
        assert abs(np.hypot(52 - x, 32 - y) - distance) < 0.01
        assert update["arrived"] == [False]
    assert drags[-1]["step"] == drags[-1]["steps"] == 4


def test_previews_are_pictures_of_the_models_size(outputs: list[tuple[Any, ...]]) -> None:
    previews = [output[0]["preview"] for output in outputs if output[0]["preview"]]
    assert previews
    for preview in previews:
        assert (preview["width"], preview["height"]) == (256, 256)
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(preview["rgb"])), np.uint8)
        assert pixels.size == 256 * 256 * 3
        assert pixels.std() > 10  # not one colour


def test_only_the_last_update_brings_files(outputs: list[tuple[Any, ...]]) -> None:
    assert all(file is None for output in outputs[:-1] for file in output[1:])
    update, layer, mask, edit = outputs[-1]
    assert update["result"]["offset"] == [8, 0]
    assert Image.open(layer).mode == "RGBA"
    assert Image.open(layer).size == Image.open(mask).size == (64, 64)
    assert Image.open(mask).mode == "L"
    assert EditState.load(edit).model_name == "critters"


def test_the_report_is_complete(outputs: list[tuple[Any, ...]]) -> None:
    report = outputs[-1][0]["result"]["report"]
    wanted = {
        "steps",
        "seconds",
        "distances_start",
        "distances_end",
        "points",
        "inversion",
        "preset",
        "model",
        "device",
    }
    assert wanted <= set(report)
    assert report["steps"] == 4
    assert report["inversion"]["psnr"] > 5


def test_a_second_drag_on_the_same_picture_needs_no_inversion(backend: Backend, picture: Path) -> None:
    options = {"inversion_steps": 30, "steps": 1}
    first = [output[0] for output in updates(submit(backend.client(), picture, options))]
    other = [{"handle": [30, 30], "target": [30, 36]}]
    second = [output[0] for output in updates(submit(backend.client(), picture, options, other))]
    assert len([update for update in first if update["phase"] == "invert"]) > 1
    (inverting,) = [update for update in second if update["phase"] == "invert"]
    assert inverting["step"] == inverting["steps"]
    assert second[-1]["phase"] == "done"


def test_a_saved_edit_is_gone_on_from_without_inversion(
    backend: Backend, picture: Path, outputs: list[tuple[Any, ...]]
) -> None:
    edit = Path(outputs[-1][3])
    again = [output[0] for output in updates(submit(backend.client(), picture, edit=edit))]
    assert "invert" not in [update["phase"] for update in again]
    start, end = EditState.load(edit), again[-1]["result"]["report"]
    assert again[-1]["region"] == [8, 0, 64, 64]
    assert end["inversion"]["psnr"] == pytest.approx(start.inversion_psnr)


def test_the_region_can_be_the_one_around_the_selection(backend: Backend, picture: Path, mask: Path) -> None:
    options = {**SHORT, "region": "selection"}
    drags = [{"handle": [20, 32], "target": [26, 32]}]
    update, layer, changed, _ = list(updates(submit(backend.client(), picture, options, drags, mask)))[-1]
    x, _, width, height = update["region"]
    assert width == height < 64
    assert x < 8 + 32 / 2 < x + width
    assert Image.open(layer).size == (width, height)
    outside = np.asarray(Image.open(changed))[:, 40 - x :]
    assert not outside.any()


def test_values_of_the_preset_can_be_changed(backend: Backend, picture: Path) -> None:
    changes = {"latent_space": "W", "mask_weight": 3, "r1": 4, "r2": 9.5, "layers": 5, "feature_block": 32}
    changes |= {"step_size": 0.03, "stop_radius": 2.5}
    update = list(updates(submit(backend.client(), picture, {**SHORT, **changes})))[-1][0]
    assert update["result"]["report"]["settings"] == {**changes, "max_steps": SHORT["steps"]}
