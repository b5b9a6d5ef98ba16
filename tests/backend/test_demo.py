"""The demo as a whole: what it leaves in its folder, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend import demo


def run_demo(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend.demo", *arguments],
        env={**os.environ, "DRAGGAN_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_it_leaves_pictures_edit_and_report_and_no_backend(tmp_path: Path):
    done = run_demo(str(tmp_path / "out put"), home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    names = {"before.png", "arrows.png", "after.png", "strip.png", "edit.safetensors", "report.json"}
    assert {file.name for file in (tmp_path / "out put").iterdir()} == names
    assert not (tmp_path / "home" / "backend.json").exists()
    report = json.loads((tmp_path / "out put" / "report.json").read_text(encoding="utf-8"))
    for example in (report, *report["other_examples"]):
        assert example["inversion"]["psnr"] >= 22
        assert example["renderer"]["share_of_the_way"] >= 0.5, example["example"]
        moved = [number for number, point in enumerate(example["points"]) if not point["pin"]]
        distances = example["distances_end"]["model_pixels"]
        assert max(distances[number] for number in moved) <= 2, example["example"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = run_demo(str(tmp_path / "file" / "out"), home=tmp_path / "home")
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert str(tmp_path / "file") in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for GIMP is a shell script")
def test_a_gimp_that_fails_is_told_with_its_reason(tmp_path: Path):
    gimp = tmp_path / "gimp-console"
    gimp.write_text("#!/bin/sh\necho noise\necho 'FAILED: the backend stopped.'\necho 'batch command executed'\n")
    gimp.chmod(0o755)
    done = run_demo(str(tmp_path / "out"), "--gimp", str(gimp), "--profile", str(tmp_path), home=tmp_path / "home")
    assert done.returncode == 2
    assert "The drag in GIMP failed: the backend stopped." in done.stderr


def test_the_script_for_gimp_is_valid_python_with_its_words_filled_in():
    compile(demo.script_for_gimp(Path("a b"), Path("ü"), demo.EXAMPLES[0]), "script", "exec")
