"""`python -m backend drag|sample|invert`: results, and one sentence with exit code 2 for everything wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stylegan2
from backend.__main__ import main
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.preset import Preset, preset_for
from backend.editing.settings import TuningSettings
from backend.models import models, open_model

ROOT = Path(__file__).parents[2]


def quickly_tuned(model: stylegan2.Model, published: Mapping[str, Any] | None = None) -> Preset:
    return dataclasses.replace(preset_for(model, published), tuning=TuningSettings(steps=2))


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated animal, 256 x 256."""
    path = tmp_path_factory.mktemp("pictures with ü") / "animal.png"
    Image.fromarray(Editor(open_model("critters")).sample(5)).save(path)
    return path


@pytest.fixture(scope="module")
def edit(picture: Path) -> Path:
    """A short edit of it, so that the tests need only one inversion."""
    path = picture.with_name("edit.safetensors")
    command = [
        "drag",
        str(picture),
        "--drag",
        "64,70:70,70",
        "--pin",
        "20,20",
        "--steps",
        "2",
        "--save-edit",
        str(path),
    ]
    assert main([*command, "--report", str(path.with_name("r.json")), "-o", str(path.with_name("first.png"))]) == 0
    return path


def test_sample_makes_the_same_picture_for_the_same_seed(tmp_path: Path) -> None:
    for name, seed in (("a.png", "3"), ("b.png", "3"), ("c.png", "4")):
        assert main(["sample", "--seed", seed, "-o", str(tmp_path / name)]) == 0
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b != c


def test_drag_writes_the_picture_the_edit_and_the_report(picture: Path, edit: Path) -> None:
    before, after = (np.asarray(Image.open(path).convert("RGB")) for path in (picture, edit.with_name("first.png")))
    assert before.shape == after.shape
    assert (before != after).any()
    report = json.loads(edit.with_name("r.json").read_text())
    assert report["steps"] == 2
    assert report["distances_start"]["layer_pixels"] == [6.0, 0.0]
    assert report["points"][0]["why_not"]
    assert report["points"][1]["pin"]
    assert report["model"]["name"] == "critters"
    assert report["inversion"]["psnr"] > 22
    assert report["points"][1]["end"] == pytest.approx((20, 20), abs=1.5)
    assert EditState.load(edit).model_name == "critters"


def test_a_saved_edit_is_gone_on_from_without_inverting(picture: Path, edit: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    command = ["drag", str(picture), "--drag", "64,70:70,70", "--steps", "1", "--edit", str(edit)]
    assert main([*command, "--report", str(report), "-o", str(tmp_path / "o.png")]) == 0
    assert json.loads(report.read_text())["inversion"]["seconds"] == 0


@pytest.fixture
def poor_edit(edit: Path, tmp_path: Path) -> Path:
    """The edit as if it had begun with a picture that the model cannot show."""
    path = tmp_path / "poor.safetensors"
    dataclasses.replace(EditState.load(edit), fit="poor").save(path)
    return path


def test_a_good_fit_is_said_and_reported(picture: Path, edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    good = tmp_path / "good.safetensors"
    dataclasses.replace(EditState.load(edit), fit="good").save(good)
    command = ["drag", str(picture), "--drag", "64,70:70,70", "--steps", "1", "--edit", str(good), "--require-fit"]
    assert main([*command, "-o", str(tmp_path / "o.png")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("0 of 1 points arrived in 1 steps. The model shows the picture well. The result is ")
    assert "Warning" not in said.err


def test_a_poor_fit_is_a_warning_and_no_success(
    picture: Path, poor_edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "r.json"
    command = ["drag", str(picture), "--drag", "64,70:70,70", "--steps", "1", "--edit", str(poor_edit)]
    assert main([*command, "--report", str(report), "-o", str(tmp_path / "o.png")]) == 0
    said = capsys.readouterr()
    assert "Warning: This model makes toy animals; it cannot rebuild this picture well.\n" in said.err
    assert "but in a picture that shows yours only roughly" in said.out
    assert json.loads(report.read_text())["fit"] == "poor"


def test_where_a_fit_is_required_a_poor_one_is_one_sentence_and_nothing_is_written(
    picture: Path, poor_edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    command = ["drag", str(picture), "--drag", "64,70:70,70", "--edit", str(poor_edit), "--require-fit"]
    assert main([*command, "-o", str(tmp_path / "o.png"), "--report", str(tmp_path / "r.json")]) == 2
    said = capsys.readouterr().err
    assert said == (
        "This model makes toy animals; it cannot rebuild this picture well, so nothing was dragged; "
        "choose a model of this kind of picture.\n"
    )
    assert sorted(tmp_path.iterdir()) == before


def test_an_edit_is_made_exact_when_that_is_asked_for(
    picture: Path, edit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "preset_for", quickly_tuned)
    report, command = tmp_path / "r.json", ["drag", str(picture), "--drag", "64,70:70,70", "--steps", "0"]
    for kept in (edit, tmp_path / "exact.safetensors"):
        again = [*command, "--edit", str(kept), "--save-edit", str(tmp_path / "exact.safetensors")]
        assert main([*again, "--likeness", "exact", "--report", str(report), "-o", str(tmp_path / "o.png")]) == 0
        inversion = json.loads(report.read_text())["inversion"]
        assert inversion["likeness"] == "exact"
        assert (inversion["seconds"] == 0) is (kept != edit), "the second time it is exact already"
    assert EditState.load(tmp_path / "exact.safetensors").tuned


def test_zero_steps_change_nothing(picture: Path, edit: Path, tmp_path: Path) -> None:
    start = EditState.load(edit)
    EditState.save(type(start)(**{**start.__dict__, "w_plus": start.start_w_plus}), tmp_path / "start.safetensors")
    command = [
        "drag",
        str(picture),
        "--drag",
        "64,70:70,70",
        "--steps",
        "0",
        "--edit",
        str(tmp_path / "start.safetensors"),
    ]
    assert main([*command, "-o", str(tmp_path / "o.png")]) == 0
    before, after = (np.asarray(Image.open(path).convert("RGB")) for path in (picture, tmp_path / "o.png"))
    np.testing.assert_array_equal(before, after)


BAD: dict[str, tuple[list[str], str]] = {
    "half a drag": (["drag", "ANIMAL", "--drag", "1,2"], "has no target"),
    "not a number": (["drag", "ANIMAL", "--drag", "nan,1:2,3"], "not finite"),
    "no drag": (["drag", "ANIMAL"], "nothing to drag"),
    "only pins": (["drag", "ANIMAL", "--pin", "3,3"], "only|All points are pins"),
    "negative steps": (["drag", "ANIMAL", "--drag", "60,60:70,60", "--steps", "-3"], "steps must be 0 or more"),
    "target outside": (["drag", "ANIMAL", "--drag", "60,60:270,60"], "target at 270, 60 lies outside"),
    "handle outside": (["drag", "ANIMAL", "--drag=-5,60:70,60"], "handle at -5, 60 lies outside"),
    "empty image": (["drag", "EMPTY", "--drag", "60,60:70,60"], "cannot be read as a picture"),
    "text as image": (["drag", "TEXT", "--drag", "60,60:70,60"], "cannot be read as a picture"),
    "folder as image": (["drag", "FOLDER", "--drag", "60,60:70,60"], "does not exist"),
    "missing image": (["drag", "nowhere.png", "--drag", "60,60:70,60"], "does not exist"),
    "unknown model": (["drag", "ANIMAL", "--drag", "60,60:70,60", "--model", "unicorns"], "unicorns"),
    "no model": (["drag", "ANIMAL", "--drag", "60,60:70,60", "--model", "TEXT"], "notes.png|notes.safetensors"),
    "mask of another size": (["drag", "ANIMAL", "--drag", "60,60:70,60", "--mask", "SMALL"], "mask is 3 x 3 pixels"),
    "black mask": (["drag", "ANIMAL", "--drag", "60,60:70,60", "--mask", "BLACK"], "Nothing may move"),
    "tiny layer": (["drag", "SMALL", "--drag", "1,1:2,2"], "3 x 3 pixels"),
    "no edit": (["drag", "ANIMAL", "--drag", "60,60:70,60", "--edit", "TEXT"], "is not a saved edit"),
    "invert nothing": (["invert", "EMPTY"], "cannot be read as a picture"),
    "sample of nothing": (["sample", "--seed", "1", "--model", "unicorns"], "unicorns"),
}


@pytest.fixture
def files(picture: Path, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "notes.png").write_text("Dear diary")
    Image.new("RGB", (3, 3)).save(tmp_path / "small.png")
    Image.new("L", (256, 256)).save(tmp_path / "black.png")
    names = {"EMPTY": "empty.png", "TEXT": "notes.png", "SMALL": "small.png", "BLACK": "black.png", "FOLDER": ""}
    return {"ANIMAL": str(picture), **{word: str(tmp_path / name) for word, name in names.items()}}


@pytest.mark.parametrize("case", list(BAD))
def test_a_wrong_input_is_one_sentence_and_exit_code_2(
    case: str, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, sentence = BAD[case]
    before = sorted(tmp_path.iterdir())
    code = main([*(files.get(word, word) for word in command), "-o", str(tmp_path / "out.png")])
    said = capsys.readouterr().err.strip()
    assert code == 2
    assert any(part in said for part in sentence.split("|"))
    assert "\n" not in said
    assert "Traceback" not in said
    assert said.endswith(".")
    assert sorted(tmp_path.iterdir()) == before, "nothing half-written"


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["frobnicate"],
        ["drag"],
        ["drag", "a.png", "--drag", "-o", "b.png"],
        ["sample", "--seed", "x"],
        ["invert", "a.png", "--likeness", "perfect", "-o", "b.png"],
    ],
)
def test_a_command_that_is_not_understood_is_one_sentence_too(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    said = capsys.readouterr().err.strip()
    assert "--help` tells what can be given." in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("output", "sentence"),
    [("nowhere/out.png", "does not exist"), ("out.jpeg", "ends in .png"), ("folder.png", "cannot be written")],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    output: str, sentence: str, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.png").mkdir()
    started = time.monotonic()
    assert main(["drag", str(picture), "--drag", "60,60:70,60", "-o", str(tmp_path / output)]) == 2
    assert sentence in capsys.readouterr().err
    assert time.monotonic() - started < 2, "no inversion was made"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has a folder that not even root can write to")
def test_a_folder_that_cannot_be_written_to_is_found_out_before_the_work(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    assert main(["drag", str(picture), "--drag", "60,60:70,60", "-o", "/proc/out.png"]) == 2
    assert capsys.readouterr().err == "/proc/out.png cannot be written; choose a folder you can write to.\n"
    assert time.monotonic() - started < 2


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl+C to whole consoles only")
def test_ctrl_c_stops_at_once_and_writes_nothing(picture: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "backend",
        "drag",
        str(picture),
        "--drag",
        "60,60:70,60",
        "-o",
        str(tmp_path / "o.png"),
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        bufsize=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background run of the tests ignores it
    )
    assert process.stderr is not None
    said = b""
    while b"Finding" not in said:  # the inversion has begun
        said += process.stderr.read(4096)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert b"Traceback" not in rest
    assert b"Stopped; nothing was written." in rest
    assert not list(tmp_path.iterdir())


def test_gradio_is_imported_by_what_serves_alone():
    """It takes seconds, and the folder of its temporary files is named before it is imported."""
    program = (
        "import sys; from backend.__main__ import main; main(['models', 'list']); sys.exit('gradio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
