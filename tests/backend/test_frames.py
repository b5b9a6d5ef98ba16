"""`python -m backend frames`: an edit's motion as numbered pictures or an animation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from backend.__main__ import main
from backend.editing import Drag
from backend.editing.editor import Editor
from backend.models import open_model


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated animal, pulled to the right; the picture before is picture.png beside it."""
    folder = tmp_path_factory.mktemp("an edit with ü")
    editor = Editor(open_model("critters"))
    Image.fromarray(editor.sample(5)).save(folder / "picture.png")
    for _ in editor.drag([Drag((128, 128), (150, 128))]):
        pass
    editor.result().state.save(folder / "edit.safetensors")
    return folder / "edit.safetensors"


@pytest.fixture
def command(edit: Path) -> list[str]:
    return ["frames", str(edit), str(edit.with_name("picture.png")), "--count", "3", "-o"]


def test_a_folder_gets_numbered_pictures_from_the_first_to_the_last(command: list[str], edit: Path, tmp_path: Path):
    folder = tmp_path / "moving"
    assert main([*command, str(folder)]) == 0
    assert [file.name for file in sorted(folder.iterdir())] == [f"frame-000{number}.png" for number in (1, 2, 3)]
    assert [file.name for file in tmp_path.iterdir()] == ["moving"]
    first, *_, last = (np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.iterdir()))
    np.testing.assert_array_equal(first, np.asarray(Image.open(edit.with_name("picture.png"))))
    assert (first != last).any()


@pytest.mark.parametrize("ending", [".webp", ".gif", ".png"])
def test_an_animation_has_all_frames_and_plays_again_and_again(command: list[str], tmp_path: Path, ending: str):
    file = tmp_path / f"moving{ending}"
    assert main([*command, str(file)]) == 0
    with Image.open(file) as animation:
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(animation)]
        assert animation.info["loop"] == 0
        assert animation.info["duration"] == 100
    assert len(frames) == 3
    assert np.abs(frames[0] - frames[2]).mean() > np.abs(frames[0] - frames[1]).mean() > 0
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({4: "1"}, "give a --count from 2 to 240"),
        ({1: "PICTURE"}, "is not a saved edit"),
        ({1: "nowhere.safetensors"}, "does not exist"),
        ({2: "nowhere.png"}, "does not exist"),
        ({2: "OTHER"}, "made on another picture"),
        ({-1: "moving.mp4"}, "or into a folder"),
        ({-1: "FULL"}, "is there already"),
        ({-1: "nowhere/moving"}, "does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_nothing_is_written(
    command: list[str], edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    changes: dict[int, str], sentence: str,
):  # fmt: skip
    (tmp_path / "full").mkdir()
    Image.new("RGB", (256, 256)).save(tmp_path / "full" / "other.png")
    names = {"PICTURE": edit.with_name("picture.png"), "OTHER": tmp_path / "full" / "other.png"}
    names["FULL"] = tmp_path / "full"
    words = [*command, "moving.webp"]
    for place, word in changes.items():
        words[place] = str(names.get(word, word))
    words[-1] = str(tmp_path / words[-1])
    assert main(words) == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["full"]
