"""Where the tests' own GIMP comes from: the archive that apt uses; nothing mounted is ever deleted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import gimp_root
import pytest

DEB822 = """Types: deb
# URIs: http://commented.out/debian
URIs: {uri}
Suites: bookworm bookworm-updates
Components: main
"""
ONE_LINE = """# deb http://commented.out/debian bookworm main
deb-src http://sources.only/debian bookworm main
deb [signed-by=/usr/share/keyrings/x.gpg arch=amd64] {uri} bookworm main
"""


def sources(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        place = folder if name == "sources_list" else folder / "sources.list.d"
        (place / name.replace("_", ".")).write_text(text)
    return folder


def test_the_archive_is_found_in_the_new_format(tmp_path: Path):
    etc = sources(tmp_path, debian_sources=DEB822.format(uri="https://mirror.example/debian"))
    assert gimp_root.debian_mirror(etc) == "https://mirror.example/debian"


def test_the_archive_is_found_on_a_second_line_of_its_field(tmp_path: Path):
    text = "Types: deb\nURIs: http://security.example/debian-security\n http://mirror.example/debian/\nSuites: x\n"
    assert gimp_root.debian_mirror(sources(tmp_path, debian_sources=text)) == "http://mirror.example/debian/"


def test_the_archive_is_found_in_the_old_format(tmp_path: Path):
    etc = sources(tmp_path, sources_list=ONE_LINE.format(uri="http://mirror.example/debian"))
    assert gimp_root.debian_mirror(etc) == "http://mirror.example/debian"


def test_other_archives_are_passed_over(tmp_path: Path):
    others = ONE_LINE.format(uri="https://deb.nodesource.com/node_20.x")
    security = DEB822.format(uri="http://deb.debian.org/debian-security")
    etc = sources(
        tmp_path, node_list=others, security_sources=security, notes_txt=ONE_LINE.format(uri="http://x/debian")
    )
    assert gimp_root.debian_mirror(etc) == gimp_root.DEFAULT_MIRROR


def test_without_any_sources_it_is_debians_own(tmp_path: Path):
    assert gimp_root.debian_mirror(tmp_path / "nothing") == gimp_root.DEFAULT_MIRROR


def test_a_folder_with_something_mounted_in_it_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mounted = tmp_path / "root" / "dev"
    mounted.mkdir(parents=True)
    table = f"36 35 98:0 / {mounted} rw,noatime master:1 - ext3 /dev/root rw\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: table)
    with pytest.raises(gimp_root.GimpRootError, match="is a mount point"):
        gimp_root.remove(tmp_path / "root")
    assert mounted.is_dir()


def test_a_machine_that_cannot_build_one_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gimp_root.sys, "platform", "darwin")
    with pytest.raises(gimp_root.GimpRootError, match="only be built on Linux, and this is darwin"):
        gimp_root.make_root(tmp_path / "root")
    assert list(tmp_path.iterdir()) == []


def test_what_runs_beside_gimp_leaves_no_mounts_behind(gimp: gimp_root.Gimp, tmp_path: Path):
    def mounts() -> str:
        return Path("/proc/self/mountinfo").read_text()

    before = mounts()
    (tmp_path / "note").write_text("seen")
    done = gimp.run(["cat", str(tmp_path / "note")], tmp_path)
    assert (done.returncode, done.stdout) == (0, "seen")
    assert mounts() == before


def test_a_gimp_of_another_name_is_none(tmp_path: Path):
    with pytest.raises(gimp_root.GimpRootError):
        gimp_root.locate(tmp_path / "empty", build=False)


def test_it_runs_as_a_program_of_its_own(gimp: gimp_root.Gimp):
    script = Path(gimp_root.__file__)
    done = subprocess.run(["python3", "-I", str(script), "build"], capture_output=True, text=True)
    assert done.stdout.startswith(f"GIMP {gimp.version}: ")
