"""Requests that are refused, with one sentence each and without anything of Python showing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gradio_client.exceptions import AppError
from PIL import Image

from backend.client.protocol import PROTOCOL
from tests.backend.server.harness import DRAG, SHORT, Backend, submit, updates


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
    text = refusal(backend, bad("image.png", content, tmp_path))
    assert text == "The image image.png cannot be read as a picture; give an 8-bit PNG file."


def test_a_damaged_png_is_refused(backend: Backend, picture: Path, tmp_path: Path) -> None:
    half = bad("half.png", picture.read_bytes()[:2000], tmp_path)
    assert "cannot be read as a picture; give an 8-bit PNG file" in refusal(backend, half)


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
        ("ffhq-512", "models download ffhq-512"),
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
def test_drags_that_make_no_sense_are_refused(backend: Backend, picture: Path, drags: Any, words: str) -> None:
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
        ({"feature_block": 256, **SHORT}, "choose 128 or less"),
        ({"feature_block": 48, **SHORT}, "power of two"),
        ({"latent_space": "Z"}, "'W+' or 'W'"),
        ({"region": "picture"}, "'layer' or 'selection'"),
        ({"likeness": "perfect"}, "'editable' or 'exact'"),
        ({"region": "selection"}, "Nothing is selected"),
        ({"model": ""}, '"model"'),
        ({"colour": "blue"}, "unknown"),
        ([1], "options"),
    ],
)
def test_options_that_make_no_sense_are_refused(backend: Backend, picture: Path, options: Any, words: str) -> None:
    assert words in refusal(backend, picture, options=options)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_coordinate_that_is_not_finite_is_refused(backend: Backend, picture: Path, number: str) -> None:
    # gradio_client cannot send these; another program can.
    image = f'{{"path": "{upload(backend, picture)}", "meta": {{"_type": "gradio.FileData"}}}}'
    drags = f'[{{"handle": [{number}, 32], "target": [52, 32]}}]'
    body = f'{{"data": [{image}, null, {drags}, {{}}, null, {PROTOCOL}, null], "session_hash": "notfinite"}}'
    status, answer = backend.request("POST", "/gradio_api/call/drag", body.encode())
    assert status == 200, answer
    _, stream = backend.request("GET", f"/gradio_api/call/drag/{json.loads(answer)['event_id']}")
    assert b"finite number" in stream
    assert b"Traceback" not in stream


def call_with_image(backend: Backend, path: str) -> bytes:
    """The stream of a drag whose image is named by a path or URL, which gradio_client would upload."""
    image = {"path": path, "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [image, None, DRAG, SHORT, None, PROTOCOL, None], "session_hash": "named"})
    status, answer = backend.request("POST", "/gradio_api/call/drag", body.encode())
    assert status == 200, answer
    return backend.request("GET", f"/gradio_api/call/drag/{json.loads(answer)['event_id']}")[1]


@pytest.mark.parametrize("place", ["the working folder", "the work folder", "the temporary folder", "a result"])
def test_only_what_was_uploaded_is_opened(backend: Backend, picture: Path, tmp_path: Path, place: str) -> None:
    """Any program that knows the token could have a picture read that this user's other programs have left."""
    client = backend.client()
    folders = {
        "the working folder": backend.home,
        "the work folder": backend.home / "work",
        "the temporary folder": tmp_path,
    }
    if place == "a result":
        list(updates(submit(client, picture)))
        named = max((backend.home / "work" / "results").rglob("layer.png"), key=lambda file: file.stat().st_mtime)
    else:
        named = folders[place] / "private.png"
        named.write_bytes(picture.read_bytes() + b"not uploaded before")
    stream = call_with_image(backend, str(named))
    assert b"was not uploaded" in stream
    assert b'"phase"' not in stream


def test_nothing_is_fetched_from_a_url(backend: Backend) -> None:
    assert b"was not uploaded" in call_with_image(backend, "https://localhost:1/picture.png")


def test_what_was_uploaded_is_opened(backend: Backend, picture: Path) -> None:
    assert b'"phase": "done"' in call_with_image(backend, upload(backend, picture))


def upload(backend: Backend, path: Path) -> str:
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        + path.read_bytes()
        + b"\r\n--edge--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    status, answer = backend.request("POST", "/gradio_api/upload", body, headers)
    assert status == 200, answer
    return json.loads(answer)[0]


@pytest.mark.parametrize("protocol", [0, 2, "3", None, True, [3]])
def test_another_protocol_is_refused(backend: Backend, picture: Path, protocol: Any) -> None:
    text = refusal(backend, picture, protocol=protocol)
    assert "of different versions; update both by running install.py." in text


def test_after_all_that_a_job_works(backend: Backend, picture: Path) -> None:
    assert list(updates(submit(backend.client(), picture)))[-1][0]["phase"] == "done"
