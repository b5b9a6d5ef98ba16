"""A drag job from request to result, and every request that is refused: one sentence each."""

from __future__ import annotations

import base64
import itertools
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from backend.editing.edit_state import EditState
from tests.backend.server.harness import DRAG, SHORT, Backend, submit, updates


@pytest.fixture(scope="module")
def outputs(backend: Backend, picture: Path) -> list[tuple[Any, ...]]:
    return list(updates(submit(backend.client(), picture)))


def test_health_says_what_is_there(backend: Backend) -> None:
    health = backend.client().predict(api_name="/health")
    assert health["protocol"] == 1
    assert health["version"] == "0.1.0"
    assert health["device"] in ("cpu", "cuda", "mps")
    assert health["busy"] is False
    assert health["models"][0] == {"name": "critters", "height": 128, "width": 128}


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
        assert (preview["width"], preview["height"]) == (128, 128)
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(preview["rgb"])), np.uint8)
        assert pixels.size == 128 * 128 * 3
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
    assert first[1]["phase"] == "invert"
    assert first[1]["step"] == 0
    inverting = [update for update in second if update["phase"] == "invert"]
    assert [update["step"] for update in inverting] == [30]
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
    x, y, width, height = update["region"]
    assert width == height < 64
    assert x < 8 + 32 / 2 < x + width
    assert Image.open(layer).size == (width, height)
    outside = np.asarray(Image.open(changed))[:, 40 - x :]
    assert not outside.any()


def test_values_of_the_preset_can_be_changed(backend: Backend, picture: Path) -> None:
    options = {**SHORT, "latent_space": "W", "mask_weight": 3, "r1": 4, "r2": 9.5, "layers": 5, "feature_block": 32,
               "step_size": 0.03, "stop_radius": 2.5}  # fmt: skip
    update = list(updates(submit(backend.client(), picture, options)))[-1][0]
    settings = update["result"]["report"]["settings"]
    del options["inversion_steps"]
    assert {**options, "max_steps": options.pop("steps")}.items() <= {**settings, "steps": 4}.items()


def bad(name: str, content: bytes, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def png(folder: Path, height: int, width: int, mode: str = "RGB") -> Path:
    path = folder / "picture.png"
    Image.new(mode, (width, height), 90 if mode == "L" else (90, 90, 90)).save(path)
    return path


def refusal(backend: Backend, image: Path, **request: Any) -> str:
    """The text of the refusal, after checking that it is one sentence and that nothing of Python shows."""
    with pytest.raises(AppError) as caught:
        list(updates(submit(backend.client(), image, **request)))
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert "Traceback" not in text
    assert "unexpected" not in text, backend.log()
    return text


@pytest.mark.parametrize(
    "content", [b"", b"This is a text file.\n", b"\x89PNG\r\n\x1a\n broken", b"\xff\xd8\xff\xe0 JFIF"]
)
def test_a_file_that_is_no_png_is_refused(backend: Backend, tmp_path: Path, content: bytes) -> None:
    assert "image is not a PNG picture" in refusal(backend, bad("image.png", content, tmp_path))


def test_a_damaged_png_is_refused(backend: Backend, picture: Path, tmp_path: Path) -> None:
    half = bad("half.png", picture.read_bytes()[:2000], tmp_path)
    assert "image is not a PNG picture" in refusal(backend, half)


def test_a_tiny_layer_is_refused(backend: Backend, tmp_path: Path) -> None:
    drags = [{"handle": [0.5, 1], "target": [2, 1]}]
    assert "3 x 3 pixels" in refusal(backend, png(tmp_path, 3, 3), drags=drags)


def test_a_mask_of_another_size_is_refused(backend: Backend, picture: Path, tmp_path: Path) -> None:
    text = refusal(backend, picture, mask=png(tmp_path, 10, 12, "L"))
    assert "12 x 10" in text
    assert "80 x 64" in text


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("unicorns", "no model called"),
        ("ffhq-512", "https://api.ngc.nvidia.com/"),
        ("/nowhere/cats.pkl", "/nowhere/cats.pkl does not exist"),
    ],
)
def test_an_unknown_model_is_refused(backend: Backend, picture: Path, model: str, words: str) -> None:
    assert words in refusal(backend, picture, options={"model": model})


@pytest.mark.parametrize("name", ["cats.pkl", "cats.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x80\x02}q\x00."])
def test_a_model_file_that_is_none_is_refused(
    backend: Backend, picture: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    assert "cats" in refusal(backend, picture, options={"model": str(bad(name, content, tmp_path))})


@pytest.mark.parametrize(
    ("drags", "words"),
    [
        ([], "nothing to drag"),
        ([{"handle": [40, 32], "target": [40, 32]}], "pins"),
        ([{"handle": [40, 32]}], "missing"),
        ([{"handle": [40, 32], "target": [50, "32"]}], "number"),
        ([{"handle": [40, 32], "target": [50, 32, 1]}], "drag 1"),
        ([{"handle": [40, 32], "target": [75, 32]}], "outside"),
        ([{"handle": [2, 32], "target": [40, 32]}], "outside"),
        ([{"handle": [40, 32], "target": [50, 32], "via": [[1e9, 1]]}], "outside"),
        ([{"handle": [40, 32], "target": [50, 32], "speed": 1}], "unknown"),
        ({"handle": [40, 32]}, "list of drags"),
        ("[", "list of drags"),
    ],
)
def test_drags_that_make_no_sense_are_refused(
    backend: Backend, picture: Path, drags: Any, words: str
) -> None:
    assert words in refusal(backend, picture, drags=drags)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": -3}, '"steps" must be greater than or equal to 0'),
        ({"steps": 1.5}, '"steps"'),
        ({"steps": True}, '"steps"'),
        ({"inversion_steps": 10**9}, '"inversion_steps"'),
        ({"r1": 0}, '"r1"'),
        ({"mask_weight": "20"}, '"mask_weight"'),
        ({"feature_block": 128, **SHORT}, "choose 64 or less"),
        ({"feature_block": 48, **SHORT}, "power of two"),
        ({"latent_space": "Z"}, "'W+' or 'W'"),
        ({"region": "picture"}, "'layer' or 'selection'"),
        ({"region": "selection"}, "Nothing is selected"),
        ({"model": ""}, '"model"'),
        ({"colour": "blue"}, "unknown"),
        ([1], "options"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    backend: Backend, picture: Path, options: Any, words: str
) -> None:
    assert words in refusal(backend, picture, options=options)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_coordinate_that_is_not_finite_is_refused(backend: Backend, picture: Path, number: str) -> None:
    # gradio_client cannot send these; another program can.
    body = (
        '{"data": [{"path": "%s", "meta": {"_type": "gradio.FileData"}}, null,'
        ' [{"handle": [%s, 32], "target": [52, 32]}], {}, null, 1], "session_hash": "notfinite"}'
    ) % (upload(backend, picture), number)
    status, answer = backend.request("POST", "/gradio_api/call/drag", body.encode())
    assert status == 200, answer
    _, stream = backend.request("GET", f"/gradio_api/call/drag/{json.loads(answer)['event_id']}")
    assert b"finite number" in stream
    assert b"Traceback" not in stream


def upload(backend: Backend, path: Path) -> str:
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        + path.read_bytes()
        + b"\r\n--edge--\r\n"
    )
    headers = {
        "X-DragGAN-Token": backend.ready["token"],
        "Content-Type": "multipart/form-data; boundary=edge",
    }
    status, answer = backend.request("POST", "/gradio_api/upload", body, headers)
    assert status == 200, answer
    return json.loads(answer)[0]


@pytest.mark.parametrize("protocol", [0, 2, "1", None, True, [1]])
def test_another_protocol_is_refused(backend: Backend, picture: Path, protocol: Any) -> None:
    text = refusal(backend, picture, protocol=protocol)
    assert (
        text == "This plug-in and its backend are of different versions; update both by running install.py."
    )


def test_an_edit_file_that_is_none_is_refused(backend: Backend, picture: Path, tmp_path: Path) -> None:
    refusal(backend, picture, edit=bad("edit.safetensors", b"none", tmp_path))


def test_an_edit_of_another_picture_is_refused(
    backend: Backend, tmp_path: Path, outputs: list[tuple[Any, ...]]
) -> None:
    assert "another picture" in refusal(backend, png(tmp_path, 64, 80), edit=Path(outputs[-1][3]))


def test_after_all_that_a_job_works(backend: Backend, picture: Path) -> None:
    assert list(updates(submit(backend.client(), picture, drags=DRAG)))[-1][0]["phase"] == "done"
