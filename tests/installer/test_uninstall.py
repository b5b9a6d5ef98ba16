"""What install.py --uninstall deletes, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import install
from backend import paths
from backend.installer import placement
from tests.installer.users import Terminal, as_installed, link_python, tree


class TestUninstall:
    @pytest.fixture
    def installed_home(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A user with GIMP 3.0 and 3.2, files of other programs, and DragGAN installed and used."""
        as_installed(monkeypatch, home, console=None)
        for version in ("3.0", "3.2"):
            (home / "GIMP" / version / "plug-ins" / "other").mkdir(parents=True)
            (home / "GIMP" / version / "plug-in-settings").mkdir()
            (home / "GIMP" / version / "plug-in-settings" / "file-png-export.last").write_text("")
        self.before = tree(home)
        assert install.main([]) == 0
        monkeypatch.undo()  # from here on the environment is looked for where it would be
        monkeypatch.setenv("DRAGGAN_HOME", str(home / "data"))
        monkeypatch.setattr(placement, "profile_roots", lambda: [home / "GIMP"])
        for name in (
            "environment/lib/x",
            "work/picture.png",
            "backend.json",
            "backend.lock",
            "logs/backend.log.1",
            "logs/plugin-1-2.log",
        ):
            (home / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (home / "data" / name).write_text("")
        for name in ("plug-ins/drag_gan.old/half", "plug-in-settings/draggan-drag-along-paths.last"):
            (home / "GIMP" / "3.0" / name).parent.mkdir(exist_ok=True)
            (home / "GIMP" / "3.0" / name).write_text("")
        return home

    def test_it_leaves_the_computer_as_it_was(self, installed_home: Path, capsys: pytest.CaptureFixture[str]):
        assert install.main(["--uninstall"]) == 0
        assert tree(installed_home) == self.before
        said = capsys.readouterr().out
        assert f"Deleted {installed_home / 'GIMP' / '3.2' / 'plug-ins' / 'drag_gan'}" in said
        assert said.endswith("DragGAN for GIMP is off this computer.\n")

    def test_of_all_that_the_backend_keeps_only_models_and_their_encoders_stay(self, installed_home: Path):
        folders = [getattr(paths, name)() for name in vars(paths) if name.endswith("_folder")]
        files = [getattr(paths, name)() for name in vars(paths) if name.endswith("_file")]
        files += [folder / "lions.safetensors" for folder in folders if folder != paths.data_folder()]
        files += [paths.models_folder() / name for name in (".converting/model", ".lions.png.1.tmp")]  # of a killed one
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")
        assert install.main(["--uninstall"]) == 0
        stays = {"data", "data/models", "data/encoders"}
        stays |= {f"{folder}/lions.safetensors" for folder in stays - {"data"}}
        assert tree(installed_home) == self.before | stays

    @pytest.mark.parametrize(
        ("terminal", "answer", "kept"),
        [(False, "y", True), (True, "", True), (True, "n", True), (True, "y", False), (True, "Yes ", False)],
    )
    def test_models_of_the_users_own_go_only_when_the_user_says_so(
        self, installed_home: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, answer: str, kept: bool
    ):
        own = {"data/models", "data/models/lions.safetensors", "data/encoders", "data/encoders/1.safetensors"}
        for file in own:
            if file.endswith(".safetensors"):
                (installed_home / file).parent.mkdir()
                (installed_home / file).write_text("")
        monkeypatch.setattr(sys, "stdin", Terminal(terminal))
        monkeypatch.setattr("builtins.input", lambda question: answer)
        assert install.main(["--uninstall"]) == 0
        assert tree(installed_home) == self.before | ({"data", *own} if kept else set())

    def test_files_of_somebody_else_in_our_folders_stay(self, installed_home: Path):
        (installed_home / "data" / "notes.txt").write_text("mine")
        assert install.main(["--uninstall"]) == 0
        assert tree(installed_home) == self.before | {"data", "data/notes.txt"}

    def test_twice_does_no_harm(self, installed_home: Path, capsys: pytest.CaptureFixture[str]):
        assert [install.main(["--uninstall"]), install.main(["--uninstall"])] == [0, 0]
        assert capsys.readouterr().out.endswith("was not installed; nothing was deleted.\n")

    @pytest.mark.skipif(os.name == "nt", reason="the stand-in for the environment's Python is a shell script")
    def test_a_running_backend_is_stopped_first(self, installed_home: Path, monkeypatch: pytest.MonkeyPatch):
        link_python(installed_home / "data" / "environment")
        environ = {**os.environ, "PYTHONPATH": str(install.ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "backend", "serve"], env=environ, cwd=installed_home, stdin=subprocess.DEVNULL
        )
        try:
            ready, deadline = installed_home / "data" / "backend.json", time.monotonic() + 120
            while not (ready.is_file() and ready.read_text()) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert install.main(["--uninstall"]) == 0
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert tree(installed_home) == self.before

    def test_a_backend_that_does_not_end_keeps_everything(
        self, installed_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        link_python(installed_home / "data" / "environment")
        monkeypatch.setattr(install.subprocess, "call", lambda *arguments, **options: 2)
        everything = tree(installed_home)
        assert install.main(["--uninstall"]) == 1
        assert "end it and run this again" in capsys.readouterr().err
        assert tree(installed_home) == everything

    @pytest.mark.parametrize("command", ["demo", "test"])
    def test_it_stands_alone(self, command: str, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit):
            install.main(["--uninstall", command])
        assert f"--uninstall stands alone, without {command}" in capsys.readouterr().err
