"""`python -m backend doctor`: one line per thing, and exit code 0 only when all are well."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest
import torch

from backend import __version__, paths
from backend.__main__ import main
from backend.doctor import checks, commands, report
from backend.doctor.checks import Finding
from backend.server import instance
from tests.backend.server.harness import Backend

WINDOWS = os.name == "nt"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a user with nothing in it."""
    folder = tmp_path / "Jörg Müller"
    monkeypatch.setenv("DRAGGAN_HOME", str(folder))
    return folder


@pytest.fixture
def profile(home: Path, tmp_path: Path) -> Path:
    """The profile of a GIMP 3.0 that has the plug-in, as install.py leaves it."""
    plugin = tmp_path / "GIMP" / "3.0" / "plug-ins" / "drag_gan"
    plugin.mkdir(parents=True)
    (plugin / "drag_gan.py").write_text("")
    (plugin / "drag_gan.py").chmod(0o755)
    described = {"version": __version__, "python": sys.executable, "ready_file": str(paths.ready_file())}
    (plugin / "backend.json").write_text(json.dumps(described))
    home.mkdir()
    record(tmp_path / "GIMP")
    return plugin.parents[1]


def record(*roots: Path) -> None:
    """What install.py writes down."""
    content = {"profile_roots": [str(root) for root in roots], "console": "/usr/bin/gimp-console-3.0"}
    paths.installation_file().write_text(json.dumps(content))


def wrong(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.ok]


def test_a_sound_installation_is_well_and_leaves_no_backend_behind(
    profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requirements.txt").write_text(f"torch=={torch.__version__.partition('+')[0]}  # the networks\n")
    monkeypatch.setattr(checks, "REQUIREMENTS", tmp_path / "requirements.txt")
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert [line.split()[1].rstrip(":") for line in lines] == [
        *("environment", "device", "models", "GIMP", "plug-in", "backend")
    ]
    assert "3.0, and /usr/bin/gimp-console-3.0 without a window" in lines[3]
    assert "has done a drag of one step" in lines[5]
    assert instance.running() is None


def test_one_thing_that_is_wrong_is_enough(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(instance.installation(), arguments=("-c", "raise SystemExit(3)"))
    monkeypatch.setattr(instance, "installation", lambda: broken)
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "WRONG  GIMP: the plug-in was never installed; run python3 install.py" in lines
    ended = "The backend ended while it was starting (exit code 3, last words: nothing)"
    assert lines[-1].startswith(f"WRONG  backend: {ended}")
    assert lines[-1].endswith(f"run install.py again; the log is {paths.log_file()}")


def test_a_backend_that_runs_already_is_asked_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = Backend(tmp_path / "running").start()
    try:
        monkeypatch.setenv("DRAGGAN_HOME", str(running.home))
        main(["doctor"])
        last = capsys.readouterr().out.splitlines()[-1]
        assert (
            last
            == f"ok     backend: {running.ready['url']} on {running.health()['device']} has done a drag of one step"
        )
        assert instance.running() is not None
    finally:
        running.end()


def test_packages_that_are_missing_or_of_another_version_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "requirements.txt"
    monkeypatch.setattr(checks, "REQUIREMENTS", file)
    file.write_text("no-such-package==1.0  # why\n")
    assert "lacks the package no-such-package; run install.py again" in checks.environment().text
    file.write_text('torch==0.1; python_version < "3.11"  # why\ntorch==0.2  # why\n')
    assert f"has torch {torch.__version__} instead of 0.1 or 0.2; run install" in str(checks.environment())
    assert not checks.environment().ok


def test_the_requirements_are_understood() -> None:
    pins = checks.pinned(checks.REQUIREMENTS.read_text(encoding="utf-8"))
    assert {"torch", "gradio", "numpy", "safetensors"} <= pins.keys()
    assert len(pins["numpy"]) == 2


def test_the_device_is_named_with_its_memory() -> None:
    finding = checks.accelerator()
    assert finding.ok
    assert "GB" in finding.text or WINDOWS


def test_a_device_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nfor more, see ...")

    monkeypatch.setattr(torch, "ones", broken)
    finding = checks.accelerator()
    assert not finding.ok
    assert finding.text.endswith("(CUDA error: no kernel image is available); update its driver")


def test_a_damaged_model_is_named() -> None:
    paths.models_folder().mkdir(parents=True)
    assert checks.model_store().ok
    (paths.models_folder() / "lions.safetensors").write_bytes(b"half")
    finding = checks.model_store()
    file = paths.models_folder() / "lions.safetensors"
    assert finding == Finding("models", False, f"{file} cannot be read as a model; delete it, or get another")


def test_a_store_that_is_no_folder_is_named(home: Path) -> None:
    home.mkdir()
    paths.models_folder().write_text("")
    assert f"{paths.models_folder()} cannot be read" in checks.model_store().text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"profile_roots": 3, "console": null}'])
def test_a_record_that_is_none_is_told(home: Path, content: str) -> None:
    home.mkdir()
    paths.installation_file().write_text(content)
    (finding,) = checks.gimp()
    assert finding.text == f"{paths.installation_file()} cannot be read; run install.py again"


def test_without_a_gimp_it_says_where_it_looked(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    record(tmp_path / "nothing")
    (finding,) = checks.gimp()
    assert not finding.ok
    assert f"looked in {tmp_path / 'nothing'}" in finding.text


def test_a_gimp_that_came_later_lacks_the_plug_in(profile: Path) -> None:
    for name in ("3.2", "2.10", "3.0.backup"):
        (profile.parent / name).mkdir()
    versions, *plugins = checks.gimp()
    assert versions.text.startswith("3.0, 3.2, and ")
    assert wrong(plugins) == [
        Finding("plug-in", False, f"it is not in {profile.parent / '3.2/plug-ins/drag_gan'}; run install.py again")
    ]


@pytest.mark.skipif(WINDOWS, reason="there is no such bit")
def test_an_entry_that_gimp_would_ignore_is_found(profile: Path) -> None:
    (profile / "plug-ins/drag_gan/drag_gan.py").chmod(0o644)
    assert "is not executable; run install.py again" in wrong(list(checks.gimp()))[0].text


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("version", "0.0.1", f"is of version 0.0.1, not {__version__}"),
        ("python", "/nowhere/python", "the backend's Python /nowhere/python is gone"),
        ("ready_file", "/elsewhere/backend.json", "looks for the backend in /elsewhere/backend.json, not here"),
        ("version", None, "backend.json cannot be read"),
    ],
)
def test_a_plug_in_that_belongs_to_something_else_is_found(
    profile: Path, key: str, value: str | None, words: str
) -> None:
    file = profile / "plug-ins/drag_gan/backend.json"
    content = {**json.loads(file.read_text()), key: value}
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    (finding,) = wrong(list(checks.gimp()))
    assert words in finding.text
    assert finding.text.endswith("; run install.py again")


def test_a_package_that_is_missing_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "backend.doctor", None)
    assert main(["doctor"]) == 2
    assert "The environment is incomplete" in capsys.readouterr().err


def test_the_report_has_what_helps_and_neither_names_nor_paths(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "_findings", lambda: iter([Finding("models", False, f"{home / 'models'} is odd")]))
    monkeypatch.setenv("LOGNAME", "annabel")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/annabel"))
    monkeypatch.setattr(report.socket, "gethostname", lambda: "annas-computer")
    paths.log_file().parent.mkdir(parents=True)
    paths.log_file().write_text(
        "first line\n"
        "ERROR job a1b2 Annabel's /home/annabel/My Pictures/Ex wife 2.png cannot be read\n"
        "at '/mnt/secret disk/deep/model.pkl', or C:\\Users\\Annabel\\cats.pkl; on annas-computer\n"
        "//server/annabel/share.xcf and \\\\server\\share\\b.xcf and ~/notes/x.txt\n"
        'File "/usr/lib/python3.11/json/decoder.py", line 5\n'
        f"kept in {home / 'cache' / 'a.safetensors'} at 1/2 of 3.5 px/s\n"
    )
    assert main(["doctor", "--report", str(tmp_path / "report.txt")]) == 1
    text = (tmp_path / "report.txt").read_text(encoding="utf-8")
    for private in ("nnabel", "nnas", "Pictures", "wife", "secret", "deep", "model.pkl", "cats", "share", "notes"):
        assert private not in text, text
    assert str(tmp_path) not in text
    for useful in ("WRONG  models: <DATA>/models is odd", "torch ", "job a1b2", "/usr/lib/python3.11/json/decoder.py",
                   "kept in <DATA>/cache/a.safetensors at 1/2 of 3.5 px/s", "cannot be read"):  # fmt: skip
        assert useful in text, text
    assert "look through it before you send it" in capsys.readouterr().out


def test_a_profile_tells_what_the_parts_of_a_drag_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "_findings", lambda: iter([]))
    assert main(["doctor", "--profile"]) == 0
    lines = capsys.readouterr().out
    for part in ("opening the model", "a sample", "ms a drag step", "putting the layer together", "calls: "):
        assert part in lines
