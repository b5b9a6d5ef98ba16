"""The example of docs/examples, in the console of a real GIMP 3.0 and 3.2."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from gimp_root import CLONE, Gimp
from PIL import Image

EXAMPLES = CLONE / "docs" / "examples"


@pytest.fixture(scope="module")
def said(either_gimp: Gimp, home: Path, picture: Path) -> str:
    """What the example says of a folder with a picture that can be dragged, one that cannot, and a text."""
    folder = home / "pictures"
    folder.mkdir()
    (folder / "head.png").write_bytes(picture.read_bytes())
    Image.new("RGB", (8, 8)).save(folder / "tiny.png")
    (folder / "notes.txt").write_text("Dear diary")
    work = (
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import drag_folder; "
        f"drag_folder.run({str(folder)!r}, {str(home / 'dragged')!r}, [[[324, 280], [340, 280]]], steps=4)"
    )
    program = [either_gimp.console, "-i", "--quit", "--batch-interpreter=python-fu-eval", "-b", work]
    command = either_gimp.command(program, [home, CLONE])
    variables = {"DRAGGAN_HOME": str(home / "backend"), "TMPDIR": str(home), "OMP_NUM_THREADS": "1"}
    variables["PYTHONPYCACHEPREFIX"] = str(home / "compiled")
    env = either_gimp.environment(home, variables)
    return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, timeout=300).stdout


def test_each_picture_of_a_folder_is_dragged_and_the_others_are_named(said: str, home: Path):
    assert "tiny.png: " in said
    assert f"1 of 2 pictures were dragged; they are in {home / 'dragged'}." in said
    assert [file.name for file in (home / "dragged").iterdir()] == ["head.png"]


def test_the_results_are_the_pictures_with_the_subject_moved(said: str, home: Path):
    files = [home / place / "head.png" for place in ("pictures", "dragged")]
    before, after = (np.asarray(Image.open(file).convert("RGB")) for file in files)
    assert before.shape == after.shape
    assert (before != after).any()
