"""Motion frames over a real connection: made of the edit that a layer carries, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from backend.client import Connection, FramesRequest, Update, jobs
from backend.errors import Cancelled, UserError
from tests.backend.server.harness import Backend, submit, updates

REGION = (8, 0, 72, 64)  # left, top, right and bottom of what the model sees of the picture
COUNT = 3


class Dragged(NamedTuple):
    """What a layer carries after a drag, and what it was."""

    edit: Path
    original: Path
    layer: Path


@pytest.fixture(scope="module")
def connection(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Connection:
    return backend.connection(tmp_path_factory.mktemp("frames"))


@pytest.fixture(scope="module")
def dragged(backend: Backend, picture: Path, tmp_path_factory: pytest.TempPathFactory) -> Dragged:
    folder = tmp_path_factory.mktemp("dragged")
    drags = [{"handle": [40, 32], "target": [50, 32]}]
    *_, (done, patch, _, edit) = updates(submit(backend.client(), picture, {"inversion_steps": 4}, drags))
    (folder / "edit.safetensors").write_bytes(Path(edit).read_bytes())
    with Image.open(picture) as before, Image.open(patch) as changed:
        whole = before.convert("RGBA")
        whole.crop(REGION).save(folder / "original.png")
        whole.paste(changed, tuple(done["result"]["offset"]))
        whole.crop(REGION).save(folder / "layer.png")
    return Dragged(folder / "edit.safetensors", folder / "original.png", folder / "layer.png")


def request(dragged: Dragged, mask: Path | None = None, original: bool = True, count: int = COUNT) -> FramesRequest:
    asked = {"count": count}
    return FramesRequest(dragged.layer, mask, dragged.edit, dragged.original if original else None, asked)


def ignore(update: Update) -> None:
    """Show nothing."""


def pixels(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file).convert("RGBA"))


def test_frames_begin_with_the_original_and_come_below_each_other(connection: Connection, dragged: Dragged):
    seen: list[Update] = []
    frames = jobs.frames(connection, request(dragged), seen.append)
    assert (frames.count, frames.from_original) == (COUNT, True)
    assert frames.offset == frames.place, "the layer is just what the model sees"
    assert [update.step for update in seen if update.phase == "frames"] == [1, 2, 3]
    assert all(update.preview for update in seen if update.phase == "frames")

    all_of_them, original = pixels(frames.file), pixels(dragged.original)
    first, second, third = np.split(all_of_them, COUNT)
    (x, y), (height, width) = frames.place, first.shape[:2]
    np.testing.assert_array_equal(first, original[y : y + height, x : x + width])
    assert (first != second).any()
    assert (second != third).any()


def test_without_the_original_the_layers_own_pixels_are_moved_back(connection: Connection, dragged: Dragged):
    frames = jobs.frames(connection, request(dragged, original=False), ignore)
    assert not frames.from_original
    *_, last = np.split(pixels(frames.file), COUNT)
    (x, y), (height, width) = frames.offset, last.shape[:2]
    np.testing.assert_array_equal(last, pixels(dragged.layer)[y : y + height, x : x + width])


def test_a_selection_limits_the_frames(connection: Connection, dragged: Dragged, tmp_path: Path):
    selected = np.zeros((64, 64), np.uint8)
    selected[10:40, 20:50] = 255
    Image.fromarray(selected).save(tmp_path / "mask.png")
    frames = jobs.frames(connection, request(dragged, tmp_path / "mask.png"), ignore)
    (x, y), (height, width) = frames.place, (pixels(frames.file).shape[0] // COUNT, pixels(frames.file).shape[1])
    assert x >= 20
    assert y >= 10
    assert x + width <= 50
    assert y + height <= 40


def test_frames_are_cancelled_between_two_of_them(connection: Connection, dragged: Dragged, backend: Backend):
    seen: list[Update] = []
    with pytest.raises(Cancelled):
        jobs.frames(connection, request(dragged, count=200), seen.append, lambda: len(seen) > 2)
    assert backend.wait_idle() < 10


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"count": 1}, '"count" must be'),
        ({"count": 3, "speed": 2}, '"speed" is unknown'),
        ({"count": 3, "model": "unicorns"}, "unicorns"),
    ],
)
def test_what_makes_no_sense_is_refused(
    connection: Connection, dragged: Dragged, options: dict[str, object], sentence: str
):
    with pytest.raises(UserError, match=sentence):
        jobs.frames(connection, FramesRequest(dragged.layer, None, dragged.edit, None, options), ignore)


def test_a_layer_without_motion_is_refused(connection: Connection, dragged: Dragged, tmp_path: Path):
    sample = jobs.sample(connection, {"model": "critters", "seeds": [1]}, ignore)
    with pytest.raises(UserError, match="no motion to take; drag it first"):
        jobs.frames(connection, FramesRequest(sample.layer, None, sample.edit, None, {"count": 2}), ignore)
    nothing = tmp_path / "edit.safetensors"
    nothing.write_bytes(b"")
    with pytest.raises(UserError, match="carries no edit that can be read"):
        jobs.frames(connection, FramesRequest(dragged.layer, None, nothing, None, {"count": 2}), ignore)
