"""A file to be sent with a bug report: findings, versions and the ends of the logs, without names and paths."""

from __future__ import annotations

import getpass
import importlib.metadata
import platform
import re
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from backend import __version__, paths
from backend.doctor.checks import REQUIREMENTS, pinned
from backend.files import write_text_whole

LOGS, LINES = 4, 300  # of the latest logs, so many last lines
SHORTEST_NAME = 3  # letters; a shorter one would be found in every word
PUBLIC = {"root", "user", "localhost"}
SYSTEM = r"(?:usr|lib|lib64|opt|proc|dev|sys|etc|bin|Applications|Library|System)\b"
END = r"""\s"'<>|;,()"""

# a path of the user's own to its end: to the last separator, then to a space, or further to the ending of a file
_PATH = re.compile(
    rf"""(?<![\w.~\]>/\\])(?:[A-Za-z]:[\\/]|\\\\|(?<!:)//|~[/\\]|/(?!{SYSTEM})(?=[^{END}/]))"""
    rf"""(?:[^"'<>|;,()\n]*[/\\])?[^{END}]*(?:[^"'<>|;,()\n/\\]{{0,80}}?\.\w{{2,11}}\b)?"""
)


def write(file: Path, findings: Sequence[str]) -> None:
    """Write the report, whole or not at all. Raises UserError."""
    parts = [f"DragGAN for GIMP {__version__}, Python {platform.python_version()}, {platform.platform()}"]
    parts += ["", *findings, "", *_packages()]
    for log in _logs():
        parts += ["", f"--- {log.name}", *log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:]]
    write_text_whole(file, anonymous("\n".join(parts)) + "\n")


def anonymous(text: str) -> str:
    """Return a text without the user's name, the computer's, and all paths but those of the program's own files."""
    own = {"DATA": paths.data_folder(), "LOGS": paths.log_file().parent, "PYTHON": Path(sys.prefix)}
    own |= {"PROGRAM": REQUIREMENTS.parents[1], "TEMPORARY": Path(tempfile.gettempdir())}
    for word, folder in sorted(own.items(), key=lambda entry: -len(str(entry[1]))):
        text = re.sub(rf"{re.escape(str(folder))}(?=[/\\{END}:]|$)", f"<{word}>", text)
    text = text.replace(str(Path.home()), "~")
    text = _PATH.sub("<path>", text)
    for word, name in (("<user>", _user()), ("<computer>", socket.gethostname())):
        if len(name) >= SHORTEST_NAME and name.lower() not in PUBLIC:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", word, text, flags=re.IGNORECASE)
    return text


def _packages() -> list[str]:
    lines = []
    for name in pinned(REQUIREMENTS.read_text(encoding="utf-8")):
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} is missing")
    return lines


def _logs() -> list[Path]:
    """The latest logs of backend and plug-in."""
    folder = paths.log_file().parent
    files = [file for file in folder.glob("*.log*") if file.is_file()] if folder.is_dir() else []
    return sorted(files, key=lambda file: file.stat().st_mtime)[-LOGS:]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # where nobody says
        return ""
