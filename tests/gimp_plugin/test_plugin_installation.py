"""What the plug-in knows of its backend's installation, and how it starts it."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from backend.errors import UserError
from core import check, installation
from core.installation import PluginInstallation
from tests.gimp_plugin.backend_home import BackendHome

WRITTEN = {
    "python": "/somewhere/bin/python",
    "arguments": ["-u", "-m", "backend", "serve"],
    "directory": "/somewhere",
    "ready_file": "/data/backend.json",
    "log_file": "/logs/backend.log",
    "version": "0.1.0",
}


def test_what_install_py_wrote_is_all_it_knows(tmp_path: Path):
    (tmp_path / "backend.json").write_text(json.dumps(WRITTEN))
    read = PluginInstallation.read(tmp_path)
    assert (read.python, read.arguments) == ("/somewhere/bin/python", ("-u", "-m", "backend", "serve"))
    assert (read.ready_file, read.log_file) == (Path("/data/backend.json"), Path("/logs/backend.log"))


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"python": 1, "arguments": 2}', "\0"])
def test_a_missing_or_damaged_installation_says_to_run_install_py_again(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "backend.json").write_text(content)
    with pytest.raises(UserError, match=r"run install\.py again"):
        PluginInstallation.read(tmp_path)


def test_the_backend_gets_nothing_of_what_gimp_set_for_its_own_programs():
    given = {"PATH": "/bin", "HOME": "/home/me", "DRAGGAN_HOME": "/d", "OMP_NUM_THREADS": "1", "LANG": "C"}
    foreign = {
        "PYTHONPATH": "x",
        "PYTHONHOME": "x",
        "LD_LIBRARY_PATH": "x",
        "GI_TYPELIB_PATH": "x",
        "GIMP3_DATADIR": "x",
    }
    assert installation.clean_environment({**given, **foreign}) == given


def test_of_an_appimage_nothing_stays_in_the_environment():
    mounted = "/tmp/.mount_GIMPx"
    given = {
        "APPDIR": mounted,
        "APPIMAGE": "/home/me/GIMP.AppImage",
        "LD_PRELOAD": f"{mounted}/lib/exec.so",
        "PATH": os.pathsep.join([f"{mounted}/usr/bin", f"{mounted}/bin", "/usr/bin", "/bin"]),
        "XDG_DATA_DIRS": os.pathsep.join([f"{mounted}/usr/share", "/usr/share"]),
        "GSETTINGS_SCHEMA_DIR": f"{mounted}/usr/share/glib-2.0/schemas",
        "HOME": "/home/me",
    }
    assert installation.clean_environment(given) == {
        "PATH": os.pathsep.join(["/usr/bin", "/bin"]),
        "XDG_DATA_DIRS": "/usr/share",
        "HOME": "/home/me",
    }


class Flatpak:
    """A sandbox as the plug-in sees it, whose flatpak-spawn starts what it is told, if it may."""

    SPAWN = """#!/bin/sh
printf '%s\\n' "$@" >> '{folder}/spawned'
[ -e '{folder}/allowed' ] || {{ echo 'Portal call failed' >&2; exit 1; }}
shift
while :; do case "$1" in
    --directory=*) cd "${{1#--directory=}}" && shift;;
    --env=*) export "${{1#--env=}}" && shift;;
    *) break;;
esac; done
exec "$@"
"""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "flatpak-info").touch()
        program = folder / "flatpak-spawn"
        program.write_text(self.SPAWN.format(folder=folder))
        program.chmod(0o755)
        monkeypatch.setattr(installation, "FLATPAK_MARK", folder / "flatpak-info")
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("DRAGGAN_HOME", "/my home")

    def allow(self) -> None:
        (self.folder / "allowed").touch()

    @property
    def spawned(self) -> list[str]:
        return (self.folder / "spawned").read_text().splitlines()


@pytest.fixture
def flatpak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flatpak:
    return Flatpak(tmp_path / "a sandbox", monkeypatch)


@pytest.mark.skipif(os.name == "nt", reason="there is no Flatpak")
class TestFlatpak:
    def test_without_the_permission_it_shows_the_line_that_gives_it(self, flatpak: Flatpak, home: BackendHome):
        line = "flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP"
        with pytest.raises(UserError, match=f"start GIMP anew: {line}$"):
            home.installation().start()

    def test_without_the_program_that_asks_it_is_not_allowed(
        self, flatpak: Flatpak, home: BackendHome, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(UserError, match="paste this line into a terminal once"):
            home.installation().start()

    def test_with_the_permission_the_backend_is_started_outside_of_it(self, flatpak: Flatpak, home: BackendHome):
        flatpak.allow()
        assert home.backend().connect().models == ["critters", "broken"]
        _, _, host, directory, passed, python, *arguments = flatpak.spawned
        assert (host, directory) == ("--host", f"--directory={home.folder}")
        assert passed == "--env=DRAGGAN_HOME=/my home"
        assert (python, arguments) == (home.installation().python, list(home.installation().arguments))

    def test_the_check_is_run_outside_of_it_too(self, flatpak: Flatpak, home: BackendHome):
        flatpak.allow()
        file = home.folder / "doctor.py"
        file.write_text("import os; print('ok     device:', os.environ['DRAGGAN_HOME'])")
        found = list(check.findings(home.installation(str(file), "serve"), lambda: False))
        assert found == [check.Finding("Device", True, "/my home")]


def test_a_gimp_from_snap_names_the_command_that_starts_the_backend(home: BackendHome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SNAP_NAME", "gimp")
    installed = dataclasses.replace(
        home.installation(), python="/a home/python", arguments=("-m", "backend", "serve")
    )
    with pytest.raises(UserError, match=r"start it yourself with '/a home/python' -m backend serve, then run"):
        installed.start()


def test_a_gimp_started_from_the_terminal_of_a_snap_is_no_snap(home: BackendHome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SNAP_NAME", "code")
    assert home.backend().connect().models


def test_a_python_that_is_gone_says_to_run_install_py_again(home: BackendHome):
    gone = PluginInstallation("/no/python", (), str(home.folder), home.ready_file, home.log_file, "test")
    with pytest.raises(UserError, match=r"could not be started .*run install\.py again"):
        gone.start()
