"""What the plug-in knows of its backend's installation, and how it starts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Place

from backend.errors import UserError
from core import installation
from core.installation import PluginInstallation

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


def test_in_a_sandbox_the_sentence_names_the_command_that_starts_the_backend(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    mark = place.folder / "flatpak-info"
    mark.touch()
    monkeypatch.setattr(installation, "FLATPAK_MARK", mark)
    installed = PluginInstallation(
        "/a place/python", ("-m", "backend", "serve"), str(place.folder), place.ready_file, place.log_file, "test"
    )
    with pytest.raises(UserError, match=r"start it yourself with '/a place/python' -m backend serve, then run"):
        installed.start()


@pytest.mark.parametrize(
    ("variables", "sandboxed"),
    [({"SNAP": "/snap/gimp/1", "SNAP_NAME": "gimp"}, True), ({"SNAP": "/snap/code/2", "SNAP_NAME": "code"}, False)],
)
def test_a_gimp_started_from_the_terminal_of_a_snap_is_no_snap(
    variables: dict[str, str], sandboxed: bool, monkeypatch: pytest.MonkeyPatch
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert installation.in_sandbox() is sandboxed


def test_a_python_that_is_gone_says_to_run_install_py_again(place: Place):
    gone = PluginInstallation("/no/python", (), str(place.folder), place.ready_file, place.log_file, "test")
    with pytest.raises(UserError, match=r"could not be started .*run install\.py again"):
        gone.start()
