"""Another computer: a real sshd on this one, onto which install.py has put the backend over ssh."""

from __future__ import annotations

import os
import shutil
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.installer import other_computer
from tests.backend.remote.artist import Artist
from tests.drafts import remember_drafts
from tests.ssh_server import CLONE, NoServerError, SshServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """The other computer, on which nothing is installed."""
    folder = tmp_path_factory.mktemp("ssh")
    home = folder / "their home"
    remember_drafts(home)
    variables = {
        "DRAGGAN_HOME": str(home),
        "PATH": os.environ["PATH"],
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": (folder / "nothing").as_uri(),
        "PIP_FIND_LINKS": (folder / "wheels").as_uri(),
        "OMP_NUM_THREADS": "1",
    }
    try:
        server = SshServer(folder / "ssh", variables).prepare().start()
    except NoServerError as error:
        if os.environ.get("DRAGGAN_REQUIRE_GIMP") == "1":
            pytest.fail(f"The tests with a real sshd must run here and cannot: {error}")
        pytest.skip(f"NOT TESTED WITH A REAL SSHD: {error}")
    package_of_packages(folder / "wheels")
    yield server
    server.cut()


@pytest.fixture(scope="module")
def artist(server: SshServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artist]:
    """An artist who has run `install.py --on` for the other computer."""
    with pytest.MonkeyPatch.context() as patch:
        artist = Artist(tmp_path_factory.mktemp("artist"), server)
        patch.setenv("DRAGGAN_HOME", str(artist.home))
        patch.setenv("PATH", server.client_path)
        patch.setenv("PYTHONPATH", str(CLONE))
        other_computer.install(server.computer, program(tmp_path_factory.mktemp("program")))
        yield artist
        artist.close()


def program(folder: Path) -> Path:
    """What is installed: this program, whose packages are those of these tests."""
    for part in other_computer.SENT:
        source, target = CLONE / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    (folder / "backend" / "requirements.txt").write_text("packages==1.0\n")
    return folder


def package_of_packages(folder: Path) -> None:
    """A package that pip can install, and which brings all those that these tests have."""
    folder.mkdir()
    info = "packages-1.0.dist-info"
    with zipfile.ZipFile(folder / "packages-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("packages.pth", f"{sysconfig.get_path('purelib')}\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: packages\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
