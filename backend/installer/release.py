"""The archive that is offered for download: the program, and the plug-in with its packages, without git.

The same files make the same archive, bit for bit. `python3 install.py` in what is unpacked installs it; of the
network it needs only the backend's own packages, PyTorch above all.
"""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

from backend import __version__
from backend.errors import UserError

RELEASED = ("install.py", "README.md", "CHANGELOG.md", "LICENSE", "backend", "stylegan2", "gimp_plugin", "docs")
PROGRAMS = ("install.py", "gimp_plugin/drag_gan/drag_gan.py")  # what is executable
CARRIED = "gimp_plugin/vendor"  # where the plug-in's packages are in an archive
SUMS = "SHA256SUMS"
DAY = (2026, 1, 1, 0, 0, 0)  # of every file: an archive is not to change with the clock


def write(root: Path, vendor: Path, folder: Path) -> Path:
    """Write the archive, and beside it its checksum.

    Args:
        root: of a clone; what git does not know of it is left out.
        vendor: the plug-in's own packages.
        folder: where the archive goes; made when it is missing.

    Returns:
        The archive.

    Raises:
        UserError: this is no clone, or there is no git.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"draggan-gimp-{__version__}"
    archive = folder / f"{name}.zip"
    files = dict(sorted([*_tracked(root), *_carried(vendor)]))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        sums = []
        for place, file in files.items():
            content = file.read_bytes()
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {place}\n")
            _add(packed, f"{name}/{place}", content, executable=place in PROGRAMS)
        _add(packed, f"{name}/{SUMS}", "".join(sums).encode(), executable=False)
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_suffix(".zip.sha256").write_text(f"{checksum}  {archive.name}\n", encoding="ascii")
    return archive


def _tracked(root: Path) -> Iterator[tuple[str, Path]]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "--", *RELEASED], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError("A release is made of a clone, with git; clone the repository and run this there.") from error
    for place in listed.stdout.decode().split("\0"):
        if place and (root / place).is_file():
            yield place, root / place


def _carried(vendor: Path) -> Iterator[tuple[str, Path]]:
    for file in vendor.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield f"{CARRIED}/{file.relative_to(vendor).as_posix()}", file


def _add(packed: zipfile.ZipFile, place: str, content: bytes, executable: bool) -> None:
    entry = zipfile.ZipInfo(place, DAY)
    entry.create_system = 3  # Unix, whose rights are kept
    entry.external_attr = (0o100755 if executable else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    packed.writestr(entry, content)
