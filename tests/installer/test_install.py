"""What install.py does and says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import install
from backend.errors import UserError
from backend.installer import placement
from tests.installer.users import as_installed


class TestCommands:
    def test_a_python_too_old_is_told_so(self):
        with pytest.raises(UserError, match=r"Python 3\.10 or newer is needed, and this is 3\.9"):
            install.check_python((3, 9))

    def test_without_a_gimp_the_artist_learns_where_it_was_looked_for(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        as_installed(monkeypatch, home, console=None)
        assert install.main([]) == 1
        assert f"looked in {home}" in capsys.readouterr().err

    def test_installing_puts_the_program_and_every_profiles_plug_in_in_place_twice_over(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        as_installed(monkeypatch, home, console=None)
        (home / "GIMP" / "3.0").mkdir(parents=True)
        (home / "GIMP" / "3.2").mkdir(parents=True)
        assert [install.main([]), install.main([])] == [0, 0]
        for version in ("3.0", "3.2"):
            assert (home / "GIMP" / version / "plug-ins" / "drag_gan" / "drag_gan.py").is_file()
        program = home / "data" / "program"
        assert (program / "backend" / "__main__.py").is_file()
        assert (program / "stylegan2" / "__init__.py").is_file()
        assert "Filters > DragGAN" in capsys.readouterr().out

    def test_a_gimp_that_never_ran_gets_the_folder_it_will_use(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        as_installed(monkeypatch, home, console="/usr/bin/gimp-console-3.0")
        monkeypatch.setattr(placement, "version_of", lambda console: "3.0.4")
        monkeypatch.setattr(placement, "is_registered", lambda console: True)
        assert install.main([]) == 0
        assert (home / "GIMP" / "3.0" / "plug-ins" / "drag_gan").is_dir()

    def test_a_gimp_newer_than_every_profile_gets_its_own(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        as_installed(monkeypatch, home, console="/usr/bin/gimp-console-3.2")
        (home / "GIMP" / "3.0").mkdir(parents=True)
        monkeypatch.setattr(placement, "version_of", lambda console: "3.2.6")
        monkeypatch.setattr(placement, "is_registered", lambda console: True)
        assert install.main([]) == 0
        for version in ("3.0", "3.2"):
            assert (home / "GIMP" / version / "plug-ins" / "drag_gan").is_dir()

    def test_a_gimp_that_overlooks_the_plug_in_is_a_failure(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        as_installed(monkeypatch, home, console="/usr/bin/gimp-console-3.0")
        monkeypatch.setattr(placement, "version_of", lambda console: "3.0.4")
        monkeypatch.setattr(placement, "is_registered", lambda console: False)
        assert install.main([]) == 1
        assert "When something does not work" in capsys.readouterr().err

    def test_an_unwritable_folder_is_named(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        (home / "file").write_text("")
        monkeypatch.setenv("DRAGGAN_HOME", str(home / "file" / "inside"))
        assert install.main([]) == 1
        assert str(home / "file") in capsys.readouterr().err

    def test_settings_name_a_backend_that_starts_from_any_folder(self):
        environment = install.Environment(Path(sys.prefix), (), install.ROOT)
        settings = install.backend_settings(environment, {**os.environ, "DRAGGAN_HOME": "/somewhere"})
        assert settings["arguments"] == ["-u", "-m", "backend", "serve"]
        assert settings["directory"] == str(install.ROOT)
        assert Path(str(settings["ready_file"])) == Path("/somewhere/backend.json").absolute()

    def test_it_writes_down_for_the_doctor_where_it_looked(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        as_installed(monkeypatch, home, console=None)
        (home / "GIMP" / "3.0").mkdir(parents=True)
        assert install.main([]) == 0
        written = json.loads((home / "data" / "installation.json").read_text(encoding="utf-8"))
        assert written == {"profile_roots": [str(home / "GIMP")], "console": None}

    def test_output_that_a_narrow_console_cannot_show_does_not_stop_it(self, home: Path):
        code = "import install; install.install = lambda: install.say('J\\xf6rg'); install.main([])"
        environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(install.ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=environ, cwd=home, capture_output=True, text=True)
        assert done.stdout.strip() == "J?rg"
