"""The release: the same archive from the same files, complete, and installed without git and without the network."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backend import __version__
from backend.errors import UserError
from backend.installer import release

ROOT = Path(__file__).resolve().parents[1]
NAME = f"draggan-gimp-{__version__}"
# What of the backend's packages is needed to be installed, but not to compute.
NEEDED = ("platformdirs", "markdown-it-py", "mdurl")


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vendor")
    (folder / "gradio_client" / "__pycache__").mkdir(parents=True)
    (folder / "gradio_client" / "__init__.py").write_text("")
    (folder / "gradio_client" / "__pycache__" / "x.pyc").write_text("")
    return folder


@pytest.fixture(scope="module")
def archive(vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release.write(ROOT, vendor, tmp_path_factory.mktemp("release") / "here")


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked as people do it: by a program that knows nothing of rights."""
    folder = tmp_path_factory.mktemp("unpacked") / "Jörg Müller"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / NAME


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as packed:
        return packed.namelist()


def test_the_same_files_make_the_same_archive_at_any_time(archive: Path, vendor: Path, tmp_path: Path):
    os.utime(vendor / "gradio_client" / "__init__.py", (1, 1))
    assert release.write(ROOT, vendor, tmp_path).read_bytes() == archive.read_bytes()


def test_it_has_the_program_the_plug_in_and_its_packages_in_one_folder(archive: Path):
    there = names(archive)
    assert {name.split("/")[0] for name in there} == {NAME}
    for part in (
        *("install.py", "README.md", "LICENSE", "backend/__main__.py", "backend/requirements.txt", "docs/using.md"),
        *("gimp_plugin/drag_gan/drag_gan.py", "gimp_plugin/drag_gan/locale/de/LC_MESSAGES/draggan.mo"),
        *("gimp_plugin/vendor.lock", "gimp_plugin/vendor/gradio_client/__init__.py"),
    ):
        assert f"{NAME}/{part}" in there, part
    assert any(name.endswith(".safetensors") for name in there)
    assert not [name for name in there if re.search(r"__pycache__|/tests/|\.git|\.venv", name)]


def test_what_is_to_be_started_is_executable(archive: Path):
    with zipfile.ZipFile(archive) as packed:
        rights = {entry.filename.removeprefix(f"{NAME}/"): entry.external_attr >> 16 for entry in packed.infolist()}
    assert {name for name, mode in rights.items() if mode & 0o111} == set(release.PROGRAMS)


def test_its_checksum_and_those_of_its_files_are_right(archive: Path, unpacked: Path):
    checksum, name = archive.with_suffix(".zip.sha256").read_text().split()
    assert (checksum, name) == (hashlib.sha256(archive.read_bytes()).hexdigest(), archive.name)
    lines = (unpacked / release.SUMS).read_text(encoding="utf-8").splitlines()
    sums = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
    files = {path.relative_to(unpacked).as_posix(): path for path in unpacked.rglob("*") if path.is_file()}
    assert set(sums) == set(files) - {release.SUMS}
    assert [name for name in sums if hashlib.sha256(files[name].read_bytes()).hexdigest() != sums[name]] == []


def wheel_of(package: str, folder: Path) -> None:
    """Pack an installed package of pure Python as a wheel again."""
    installed = importlib.metadata.distribution(package)
    name = f"{installed.name.replace('-', '_')}-{installed.version}"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        for file in installed.files or ():
            if ".." not in file.parts and file.suffix != ".pyc" and file.name not in ("RECORD", "INSTALLER"):
                wheel.write(str(file.locate()), str(file))
        wheel.writestr(f"{name}.dist-info/RECORD", "")


def test_what_was_unpacked_installs_itself_without_git_and_network(unpacked: Path, tmp_path: Path):
    """All but the packages to compute with, of which PyTorch alone has hundreds of megabytes."""
    (tmp_path / "wheels").mkdir()
    for package in NEEDED:
        wheel_of(package, tmp_path / "wheels")
    (unpacked / "backend" / "requirements.txt").write_text("\n".join(NEEDED))
    home = tmp_path / "home"
    (home / ".config" / "GIMP" / "3.0").mkdir(parents=True)
    environ = {
        **{"HOME": str(home), "APPDATA": str(home / ".config"), "DRAGGAN_HOME": str(home / "data")},
        **{"PATH": str(Path(sys.executable).parent), "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull},
        **{"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (tmp_path / "wheels").as_uri(), "https_proxy": "http://127.0.0.1:9"},
    }
    done = subprocess.run(
        [sys.executable, "install.py"], cwd=unpacked, env=environ, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plugin = home / ".config" / "GIMP" / "3.0" / "plug-ins" / "drag_gan"
    assert (plugin / "vendor" / "gradio_client" / "__init__.py").is_file()
    assert (plugin / "manual" / "docs" / "using.html").is_file()
    assert os.access(plugin / "drag_gan.py", os.X_OK)
    settings = json.loads((plugin / "backend.json").read_text(encoding="utf-8"))
    assert settings["version"] == __version__
    assert settings["directory"] == str(home / "data" / "program")


def test_outside_of_a_clone_it_says_where_a_release_is_made(vendor: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="A release is made of a clone, with git"):
        release.write(tmp_path / "elsewhere", vendor, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.zip"))
