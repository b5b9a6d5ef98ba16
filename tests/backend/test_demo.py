"""The demo as a whole: what it leaves in its folder, and what it says when it cannot.

Its three drags are the main job on rendered pictures that no network made: the head turns, the ears grow, the mouth
opens. Arrival is measured twice: by the tracker, and without it by the renderer, which sweeps the one factor that was
to change and finds the picture nearest to the result. Both are printed.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from backend import demo
from stylegan2.critters.making.examples import EXAMPLES, Example
from tests.backend.demo_run import Demo, run_demo


def test_it_leaves_pictures_edit_and_report_and_no_backend(demo_run: Demo):
    assert demo_run.done.returncode == 0, demo_run.done.stderr
    names = {"before.png", "arrows.png", "after.png", "strip.png", "edit.safetensors", "report.json"}
    assert {file.name for file in demo_run.folder.iterdir()} == names
    assert not (demo_run.home / "backend.json").exists()
    assert list(demo_run.examples) == [example.name for example in demo.EXAMPLES]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = run_demo(tmp_path / "file" / "out", home=tmp_path / "home").done
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert str(tmp_path / "file") in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for GIMP is a shell script")
def test_a_gimp_that_fails_is_told_with_its_reason(tmp_path: Path):
    gimp = tmp_path / "gimp-console"
    gimp.write_text("#!/bin/sh\necho noise\necho 'FAILED: the backend stopped.'\necho 'batch command executed'\n")
    gimp.chmod(0o755)
    done = run_demo(tmp_path / "out", "--gimp", str(gimp), "--profile", str(tmp_path), home=tmp_path / "home").done
    assert done.returncode == 2
    assert "The drag in GIMP failed: the backend stopped." in done.stderr


def test_the_script_for_gimp_is_valid_python_with_its_words_filled_in():
    compile(demo.script_for_gimp(Path("a b"), Path("ü"), demo.EXAMPLES[0]), "script", "exec")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_subject_goes_where_it_is_dragged(example: Example, demo_run: Demo) -> None:
    asked = [math.dist(*ends) / example.head_width for ends in example.drags]
    assert min(asked) >= 0.12, "a drag of at least 12 % of the head's width"
    report = demo_run.examples[example.name]
    found, shown = report["inversion"]["psnr"], report["renderer"]
    distances = report["distances_end"]["model_pixels"]
    rest = max(distances[number] for number, point in enumerate(report["points"]) if not point["pin"])
    print(
        f"\n{example.name}: inverted at {found:.1f} dB; tracker: {rest:.2f} model pixels left; "
        f"renderer: {shown['factor']} {shown['start']:.2f} became {shown['shown']:.2f}, "
        f"{shown['share_of_the_way']:.0%} of what was asked"
    )
    assert found >= 22
    assert rest <= 2
    assert shown["share_of_the_way"] >= 0.5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_sweep_sees_the_picture_as_it_was(example: Example) -> None:
    """What the renderer's measure means: on the picture before the drag it finds what was drawn."""
    picture = example.picture()
    assert picture.shape == (500, 700, 3)
    assert example.achieved(picture).value == pytest.approx(example.start, abs=0.03)
