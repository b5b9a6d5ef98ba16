"""The folder of a run's files is gone when the run is, however that ended."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core.temporary_folder import temporary_folder

PLUGIN = Path(__file__).parents[2] / "gimp_plugin" / "drag_gan"
RUN = """
import sys, tempfile
sys.path.insert(0, sys.argv[1])
tempfile.tempdir = sys.argv[2]
from core.temporary_folder import temporary_folder
with temporary_folder() as folder:
    (folder / "layer.png").write_bytes(b"a picture")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run(place: Path) -> tuple[subprocess.Popen[str], Path]:
    """A run in another process, and its folder."""
    command = [sys.executable, "-c", RUN, str(PLUGIN), str(place)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_all_temporary_files_of_a_run_lie_in_its_folder_and_go_with_it(place: Path):
    def fail() -> None:
        with temporary_folder() as folder:
            assert Path(tempfile.mkdtemp()).parent == folder
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(place.iterdir()) == []
    assert tempfile.gettempdir() == str(place)


def test_the_next_run_deletes_what_a_killed_one_has_left(place: Path):
    process, left = run(place)
    process.kill()
    process.wait()
    assert (left / "layer.png").exists()
    with temporary_folder():
        assert not left.exists()


def test_a_run_leaves_alone_what_is_at_work_or_not_its_own(place: Path):
    (place / "draggan-notes").mkdir()
    process, folder = run(place)
    with temporary_folder():
        assert (folder / "layer.png").exists()
        assert (place / "draggan-notes").exists()
    process.communicate("")
    assert process.returncode == 0
    assert not folder.exists()
