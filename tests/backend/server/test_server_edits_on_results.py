"""A drag that goes on from the edit of a layer: without an inversion, and from the pixels that the edit began with."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from backend.editing.edit_state import EditState
from backend.editing.pixels import digest
from tests.backend.server.harness import SHORT, Backend, submit, updates

REGION = (8, 0, 72, 64)  # left, top, right and bottom of what the model sees of the picture


class Done(NamedTuple):
    """A drag's result, and the layers that an artist has after it."""

    update: dict[str, Any]
    phases: list[str]
    edit: EditState
    edit_file: Path
    original: Path
    layer: Path


def done(backend: Backend, layer: Path, folder: Path, result: str = "patch", **more: Any) -> Done:
    """Drag on this layer, and write what the next drag needs into `folder`."""
    outputs = list(updates(submit(backend.client(), layer, {**SHORT, "result": result}, **more)))
    update, patch, _, edit = outputs[-1]
    with Image.open(layer) as before, Image.open(patch) as changed:
        whole = before.convert("RGBA")
        original = whole.crop(REGION) if whole.size == (80, 64) else whole.copy()
        whole.paste(changed, tuple(update["result"]["offset"]))
    if result == "patch" and whole.size == (80, 64):
        whole = whole.crop(REGION)
    folder.mkdir(exist_ok=True)
    whole.save(folder / "next.png")
    original.save(folder / "original.png")
    kept = folder / "edit.safetensors"  # the backend deletes its own
    kept.write_bytes(Path(edit).read_bytes())
    phases = [output[0]["phase"] for output in outputs]
    return Done(update, phases, EditState.load(kept), kept, folder / "original.png", folder / "next.png")


@pytest.fixture(scope="module", params=["patch", "whole"])
def result(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def first(backend: Backend, picture: Path, result: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    return done(backend, picture, tmp_path_factory.mktemp("first"), result)


def test_the_edit_of_a_first_drag_says_with_which_pixels_it_began(first: Done, result: str) -> None:
    assert first.update["result"]["from_original"] is False
    assert first.edit.on_result
    assert first.edit.image_sha256 == digest(np.asarray(Image.open(first.original)))
    assert not torch.equal(first.edit.start_w_plus, first.edit.w_plus)
    place = {"patch": (0, 0), "whole": (8, 0)}[result]
    assert (first.edit.region.x, first.edit.region.y) == place


def test_the_next_drag_moves_the_pixels_that_the_first_one_began_with(
    backend: Backend, first: Done, result: str, tmp_path: Path
) -> None:
    again = done(backend, first.layer, tmp_path / "again", result, edit=first.edit_file, original=first.original)
    assert "invert" not in again.phases
    assert again.update["region"] == {"patch": [0, 0, 64, 64], "whole": [8, 0, 64, 64]}[result]
    assert again.update["result"]["from_original"] is True
    assert torch.equal(again.edit.start_w_plus, first.edit.start_w_plus)
    assert not torch.equal(again.edit.w_plus, first.edit.w_plus)
    assert again.edit.image_sha256 == first.edit.image_sha256
    assert len(again.edit.path) > len(first.edit.path)
    third = done(backend, again.layer, tmp_path / "third", result, edit=again.edit_file, original=first.original)
    assert third.update["result"]["from_original"] is True
    assert torch.equal(third.edit.start_w_plus, first.edit.start_w_plus)


@pytest.mark.parametrize("original", ["none", "painted on", "of another size"])
def test_without_these_pixels_it_begins_with_the_layer_at_hand_and_needs_no_inversion(
    backend: Backend, first: Done, result: str, original: str, tmp_path: Path
) -> None:
    pixels = Image.open(first.original)
    pixels.putpixel((5, 6), (1, 2, 3, 255))
    pixels.save(tmp_path / "painted on.png")
    pixels.crop((0, 0, 30, 30)).save(tmp_path / "of another size.png")
    given = None if original == "none" else tmp_path / f"{original}.png"
    again = done(backend, first.layer, tmp_path, result, edit=first.edit_file, original=given)
    assert "invert" not in again.phases
    assert again.update["result"]["from_original"] is False
    assert torch.equal(again.edit.start_w_plus, first.edit.w_plus)
    layer = np.asarray(Image.open(first.layer))
    part = layer if result == "patch" else layer[REGION[1] : REGION[3], REGION[0] : REGION[2]]
    assert again.edit.image_sha256 == digest(np.ascontiguousarray(part))


def test_an_original_without_an_edit_is_not_looked_at(backend: Backend, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "original.png").write_bytes(b"no picture")
    only = done(backend, picture, tmp_path, original=tmp_path / "original.png")
    assert only.update["result"]["from_original"] is False
    assert "invert" in only.phases


def test_an_original_that_is_no_picture_is_left_aside(backend: Backend, first: Done, tmp_path: Path) -> None:
    (tmp_path / "original.png").write_bytes(b"no picture")
    again = done(backend, first.layer, tmp_path, edit=first.edit_file, original=tmp_path / "original.png")
    assert again.update["result"]["from_original"] is False
    assert "invert" not in again.phases


def test_an_edit_on_its_result_of_the_first_version_is_gone_on_from(
    backend: Backend, first: Done, tmp_path: Path
) -> None:
    """It knew no pixels to begin with: its start was where it ended."""
    code, file = first.edit.w_plus, tmp_path / "old.safetensors"
    dataclasses.replace(first.edit, start_w_plus=code, path=code, image_sha256="").save(file)
    again = done(backend, first.layer, tmp_path, edit=file, original=first.original)
    assert "invert" not in again.phases
    assert again.update["result"]["from_original"] is False
    assert torch.equal(again.edit.start_w_plus, code)
