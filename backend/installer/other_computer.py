"""Installing on another computer: this program's files are sent over by ssh, and its own install.py is run there."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import tarfile
import threading
from collections.abc import Sequence
from pathlib import Path

from backend import ssh
from backend.computers import HERE, Computers, checked
from backend.errors import UserError
from backend.installer.environment import say
from backend.installer.removal import data_folder

SENT = ("install.py", "backend", "stylegan2", "LICENSE")
LEFT_OUT = ("__pycache__", "making")
PYTHON = "The backend's Python: "  # before its path, as JSON, in the last line of what is said there
# $@ = the arguments of install.py
SCRIPT = """set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar -xzf - -C "$folder"
cd "$folder"
python3 -u install.py "$@" < /dev/null
"""


def install(computer: str, root: Path) -> None:
    """Put the program onto another computer, which computes from now on.

    Args:
        computer: NAME@HOST.
        root: of a clone or of an unpacked release.

    Raises:
        UserError: the computer cannot be reached, or the installer failed there.
    """
    say(f"Sending the program to {checked(computer)}...")
    python = _run_installer(computer, root, ["--without-gimp"])
    if python is None:
        raise UserError(f"{computer} did not say where the program is; run this again.")
    known = Computers.read(data_folder())
    known.pythons[computer], known.chosen = python, computer
    known.write(data_folder())
    say(f"{computer} computes from now on; Filters > DragGAN > Settings... chooses another.")


def uninstall(computer: str, root: Path) -> int:
    """Take the program off another computer. Returns 0. Raises as `install` does."""
    _run_installer(checked(computer), root, ["--uninstall"])
    known = Computers.read(data_folder())
    if known.pythons.pop(computer, None):
        known.chosen = HERE if known.chosen == computer else known.chosen
        known.write(data_folder())
    return 0


def _run_installer(computer: str, root: Path, arguments: Sequence[str]) -> str | None:
    """Run this program's install.py on another computer and show what it says.

    Returns:
        The backend's Python there, where install.py named it.
    """
    process = ssh.start(computer, shlex.join(["sh", "-c", SCRIPT, "sh", *arguments]), stderr=subprocess.STDOUT)
    threading.Thread(target=_send, args=(process, _packed(root)), daemon=True).start()
    said: list[str] = []
    python = None
    assert process.stdout
    for line in process.stdout:
        text = line.decode("utf-8", "replace").rstrip()
        said.append(text)
        if text.startswith(PYTHON):
            python = str(json.loads(text.removeprefix(PYTHON)))
        else:
            say(f"{computer}: {text}")
    code = process.wait()
    if code == ssh.UNREACHABLE:
        raise ssh.failure(computer, code, said)
    if code:
        raise UserError(f"install.py failed on {computer}, as is said above; mend that and run this again.")
    return python


def _packed(root: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for part in SENT:
            archive.add(root / part, part, filter=_without_rest)
    return packed.getvalue()


def _without_rest(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if Path(entry.name).name in LEFT_OUT else entry


def _send(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin
    try:
        with process.stdin:
            process.stdin.write(content)
    except OSError:  # it has ended, and its exit code says why
        pass
