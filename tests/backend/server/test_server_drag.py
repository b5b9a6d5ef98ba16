"""A drag job from request to result, and every request that is refused: one sentence each."""

from __future__ import annotations

import base64
import dataclasses
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
    assert health["protocol"] == 3
    assert health["version"] == "0.1.0"
    assert health["device"] in ("cpu", "cuda", "mps")
    assert health["busy"] is False
    assert health["models"][0] == {"name": "critters", "title": "Toy animals", "height": 256, "width": 256}


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
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(preview["pixels"])), np.uint8)
        assert pixels.size == 256 * 256 * 3
        assert pixels.std() > 10  # not one colour


def test_only_the_last_update_brings_files(outputs: list[tuple[Any, ...]]) -> None:
    assert all(file is None for output in outputs[:-1] for file in output[1:])
    update, layer, mask, edit = outputs[-1]
    x, y = update["result"]["offset"]
    assert Image.open(layer).mode == "RGBA"
    assert Image.open(mask).mode == "L"
    width, height = Image.open(layer).size
    assert Image.open(mask).size == (width, height)
    left, top, across, down = update["region"]
    assert left <= x < x + width <= left + across
    assert top <= y < y + height <= top + down
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
    assert report["inversion"]["likeness"] == "editable"


def test_a_second_drag_on_the_same_picture_needs_no_inversion(backend: Backend, picture: Path) -> None:
    options = {"inversion_steps": 30, "steps": 1}
    first = [output[0] for output in updates(submit(backend.client(), picture, options))]
    other = [{"handle": [30, 30], "target": [30, 36]}]
    second = [output[0] for output in updates(submit(backend.client(), picture, options, other))]
    assert len([update for update in first if update["phase"] == "invert"]) > 1
    (inverting,) = [update for update in second if update["phase"] == "invert"]
    assert inverting["step"] == inverting["steps"]
    assert second[-1]["phase"] == "done"


def test_the_edit_of_a_layer_that_cannot_be_gone_on_from_costs_only_an_inversion(
    backend: Backend, picture: Path, tmp_path: Path, outputs: list[tuple[Any, ...]]
) -> None:
    (tmp_path / "edit.safetensors").write_bytes(b"none")
    edit = EditState.load(outputs[-1][3])
    dataclasses.replace(edit, model_sha256="0" * 64).save(tmp_path / "another model.safetensors")
    dataclasses.replace(edit, region=dataclasses.replace(edit.region, x=60)).save(tmp_path / "elsewhere.safetensors")
    for name in ("edit", "another model", "elsewhere"):
        job = submit(backend.client(), picture, edit=tmp_path / f"{name}.safetensors")
        phases = [output[0]["phase"] for output in updates(job)]
        assert "invert" in phases, name
        assert phases[-1] == "done"


def samples(backend: Backend, endpoint: str, **options: Any) -> list[tuple[Any, ...]]:
    return list(updates(backend.client().submit(options, api_name=endpoint)))


def test_a_sample_of_the_model_can_be_dragged_without_inversion(backend: Backend) -> None:
    update, layer, _, edit = samples(backend, "/sample", seeds=[3])[-1]
    assert update["phase"] == "done"
    pixels = np.asarray(Image.open(layer))
    assert pixels.shape == (256, 256, 4)
    assert (pixels[..., 3] == 255).all()
    drags = [{"handle": [120, 128], "target": [132, 128]}]
    dragged = list(updates(submit(backend.client(), Path(layer), SHORT, drags, edit=Path(edit))))
    assert "invert" not in [output[0]["phase"] for output in dragged]
    assert dragged[-1][0]["phase"] == "done"


def test_thumbnails_come_one_by_one_and_show_what_the_sample_will_be(backend: Backend) -> None:
    first, *shown = [output[0] for output in samples(backend, "/thumbnails", seeds=[3, 4], truncation_psi=0.5)]
    assert first["phase"] == "load"
    assert [(update["step"], update["steps"]) for update in shown] == [(1, 2), (2, 2)]
    pictures = [zlib.decompress(base64.b64decode(update["preview"]["pixels"])) for update in shown]
    for seed, picture in zip((3, 4), pictures, strict=True):
        layer = samples(backend, "/sample", seeds=[seed], truncation_psi=0.5)[-1][1]
        assert np.asarray(Image.open(layer))[..., :3].tobytes() == picture


def test_a_sample_has_the_shape_of_one_and_the_look_of_another_and_is_dragged_without_being_looked_for(
    backend: Backend, tmp_path: Path
) -> None:
    own, other, mixed = (
        np.asarray(Image.open(samples(backend, "/sample", seeds=[seed], **look)[-1][1]))[..., :3].astype(int)
        for seed, look in ((5, {}), (9, {}), (5, {"look": 9}))
    )
    mean = [pixels.mean(axis=(0, 1)) for pixels in (own, other, mixed)]
    assert np.abs(mean[2] - mean[1]).sum() < np.abs(mean[2] - mean[0]).sum(), "the colours are the other's"
    edges = [np.abs(np.diff(pixels.mean(axis=2))).ravel() for pixels in (own, other, mixed)]
    likeness = [np.corrcoef(edges[2], one)[0, 1] for one in edges[:2]]
    assert likeness[0] > likeness[1], "the outlines are its own"

    _, layer, _, edit = samples(backend, "/sample", seeds=[5], look=9)[-1]
    for file, name in ((layer, "layer.png"), (edit, "edit.safetensors")):
        (tmp_path / name).write_bytes(Path(file).read_bytes())
    drags = [{"handle": [128, 128], "target": [140, 128]}]
    job = submit(backend.client(), tmp_path / "layer.png", SHORT, drags, edit=tmp_path / "edit.safetensors")
    assert "invert" not in [output[0]["phase"] for output in updates(job)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"seeds": [1], "look": -1}, 'The option "look"'),
        ({"seeds": [1], "label": 0}, "has no classes; leave the class out"),
        ({"seeds": []}, 'The option "seeds"'),
        ({"seeds": [-1]}, 'The option "seeds"'),
        ({"seeds": [1], "truncation_psi": 7}, 'The option "truncation_psi"'),
        ({"seeds": [1], "model": "unicorns"}, 'There is no model called "unicorns"'),
    ],
)
def test_a_sample_that_cannot_be_is_one_sentence(backend: Backend, options: dict[str, Any], sentence: str) -> None:
    for endpoint in ("/thumbnails", "/sample"):
        with pytest.raises(AppError, match=sentence):
            samples(backend, endpoint, **options)


def test_the_region_can_be_the_one_around_the_selection(backend: Backend, picture: Path, mask: Path) -> None:
    options = {**SHORT, "region": "selection"}
    drags = [{"handle": [20, 32], "target": [26, 32]}]
    update, layer, changed, _ = list(updates(submit(backend.client(), picture, options, drags, mask)))[-1]
    x, y, width, height = update["region"]
    assert [x, y, width, height] != [16, 0, 64, 64], "which is the whole layer's"
    assert x < 20 < 26 < x + width
    assert y < 32 < y + height
    assert all(side <= most for side, most in zip(Image.open(layer).size, (width, height), strict=True))
    seen = np.zeros((64, 96), np.uint8)
    left, top = update["result"]["offset"]
    pixels = np.asarray(Image.open(changed))
    seen[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    assert seen[:, :40].any()
    assert not seen[:, 40:].any()


def test_values_of_the_preset_can_be_changed(backend: Backend, picture: Path) -> None:
    changes = {"latent_space": "W", "mask_weight": 3, "r1": 4, "r2": 9.5, "layers": 5, "feature_block": 32}
    changes |= {"step_size": 0.03, "stop_radius": 2.5}
    update = list(updates(submit(backend.client(), picture, {**SHORT, **changes})))[-1][0]
    assert update["result"]["report"]["settings"] == {**changes, "max_steps": SHORT["steps"]}
