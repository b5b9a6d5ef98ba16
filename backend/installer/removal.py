"""Where this program keeps its files, as far as install.py has to know, and taking them away again."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

APPLICATION = "draggan-gimp"
# In the data folder, all but the models; endings are those of copies that were cut off.
DATA = ("environment", "program", "program.new", "program.old", "work", "cache", "backend.json")
DATA += ("backend.lock", "download.lock", "licences.json", "installation.json", "computers.json")
DATA += ("artists.json", "remote", "client-processes", "models/.*", ".*.tmp")
MODELS = ("models", "encoders")  # the user's: added there, and trained for hours
LOGS = ("backend.log", "backend.log.*", "remote.log", "plugin.log", "plugin.log.*", "plugin-*.log*")
# In GIMP's folder: the plug-in, copies that were cut off, and what GIMP keeps of its dialog.
PLUGIN = ("plug-ins/drag_gan", "plug-ins/drag_gan.new", "plug-ins/drag_gan.old")
PLUGIN += ("plug-in-settings/draggan-*",)


def data_folder(system: str = sys.platform, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> Path:
    """The user's folder for this program, as backend/paths.py finds it with a library."""
    home = home or Path.home()
    if environ.get("DRAGGAN_HOME"):
        return Path(environ["DRAGGAN_HOME"]).expanduser().absolute()
    if system == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "draggan-gimp"
    if system == "darwin":
        return home / "Library" / "Application Support" / "draggan-gimp"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "draggan-gimp"


def log_folder(system: str = sys.platform, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> Path:
    """The folder of the logs, as backend/paths.py finds it with a library."""
    home = home or Path.home()
    if environ.get("DRAGGAN_HOME"):
        return data_folder(system, environ, home) / "logs"
    if system == "win32":
        return data_folder(system, environ, home) / "Logs"
    if system == "darwin":
        return home / "Library" / "Logs" / APPLICATION
    return Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state") / APPLICATION / "log"


def models(data: Path) -> list[Path]:
    """The models that the user has added, and the encoders of those that were prepared."""
    return sorted(path for name in MODELS for path in (data / name).glob("[!.]*") if path.is_file())


def remove(profiles: Iterable[Path], data: Path, logs: Path, added: Iterable[Path] = ()) -> list[Path]:
    """Delete what install.py, the backend and the plug-in have written.

    Folders of ours go when nothing of somebody else's is in them. What is left by a failure is deleted by the next
    call.

    Args:
        profiles: GIMP's folders, one for each version.
        data: the data folder.
        logs: the folder of the logs.
        added: models that are to go, too.

    Returns:
        What was deleted.

    Raises:
        OSError: a file cannot be deleted; it has its name.
    """
    gone = [path for profile in profiles for path in _delete(profile, PLUGIN)]
    gone += _delete(data, DATA) + _delete(logs, LOGS)
    for path in added:
        path.unlink()
        gone.append(path)
    shared = logs.parent if logs.parent.name == APPLICATION else logs  # on macOS it is every program's
    for folder in (*(data / name for name in MODELS), logs, shared, data):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return gone


def _delete(folder: Path, patterns: Sequence[str]) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return found
