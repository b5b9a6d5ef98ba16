"""The demo as a whole: what it leaves in its folder, and what it says when it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend import demo
from tests.backend.conftest import Demo, run_demo


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
