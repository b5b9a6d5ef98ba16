"""What is looked at without starting anything: environment, device, models, the plug-in in GIMP's folders."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from backend import __version__, paths
from backend.models import device, models

INSTALL = "run install.py again"
REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"


class Finding(NamedTuple):
    """The result of one check; `text` says how it is, and where it is not ok, what to do."""

    what: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.ok else 'WRONG  '}{self.what}: {self.text}"


def environment() -> Finding:
    """Check that the packages are those that belong to this program."""
    text = f"Python {platform.python_version()}, torch {torch.__version__}, in {sys.prefix}"
    for name, versions in pinned(REQUIREMENTS.read_text(encoding="utf-8")).items():
        try:
            there = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return Finding("environment", False, f"{text}, lacks the package {name}; {INSTALL}")
        if there.partition("+")[0] not in versions:
            expected = " or ".join(sorted(versions))
            return Finding("environment", False, f"{text}, has {name} {there} instead of {expected}; {INSTALL}")
    return Finding("environment", True, text)


def pinned(requirements: str) -> dict[str, set[str]]:
    """Return the versions that a requirements file allows by package; where they differ by Python, all of them."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", requirements, re.MULTILINE):
        versions.setdefault(name, set()).add(version)
    return versions


def accelerator() -> Finding:
    """Check that the device computes, and say which it is and how much memory it has."""
    on = device.best()
    try:
        found = float(torch.ones(8, device=on).sum())
        text = f"{on}, {_memory(on)}"
    except RuntimeError as error:
        return Finding("device", False, f"{on} does not compute ({_one_line(error)}); update its driver")
    return Finding("device", found == 8, text if found == 8 else f"{text}, computes wrongly; update its driver")


def _memory(on: torch.device) -> str:
    if on.type == "cuda":
        free, total = torch.cuda.mem_get_info(on)
        return f"{torch.cuda.get_device_name(on)}, {free / 2**30:.1f} of {total / 2**30:.1f} GB free"
    if sys.platform == "win32":  # it does not say without a library
        return f"{os.cpu_count()} cores"
    return f"{os.cpu_count()} cores, {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GB"


def model_store() -> Finding:
    """Check that every model that is offered can be read, as far as its header tells."""
    folder = paths.models_folder()
    try:
        if folder.exists():
            os.listdir(folder)
        offered = models.offered()
    except OSError as error:
        return Finding("models", False, f"{folder} cannot be read ({error.strerror}); make it readable")
    unreadable = [model for model in offered if model.size is None]
    if unreadable:
        return Finding("models", False, f"{unreadable[0].path} cannot be read as a model; delete it, or get another")
    return Finding("models", True, f"{', '.join(model.name for model in offered)}; your own go to {folder}")


def gimp() -> Iterator[Finding]:
    """Look for the versions of GIMP 3, and check for each that it has the plug-in of this version."""
    try:
        record = json.loads(paths.installation_file().read_text(encoding="utf-8"))
        roots, console = [Path(root) for root in record["profile_roots"]], record["console"]
    except FileNotFoundError:
        yield Finding("GIMP", False, "the plug-in was never installed; run python3 install.py")
        return
    except (OSError, ValueError, LookupError, TypeError):
        yield Finding("GIMP", False, f"{paths.installation_file()} cannot be read; {INSTALL}")
        return
    profiles = [path for root in roots for path in sorted(root.glob("3.*")) if re.fullmatch(r"3\.\d+", path.name)]
    if not profiles:
        looked = ", ".join(map(str, roots))
        yield Finding("GIMP", False, f"there is no GIMP 3 (looked in {looked}); start it once and {INSTALL}")
        return
    versions = ", ".join(sorted({path.name for path in profiles}))
    yield Finding("GIMP", True, versions + (f", and {console} without a window" if console else ""))
    for profile in profiles:
        yield plugin(profile / "plug-ins" / "drag_gan")


def plugin(folder: Path) -> Finding:
    """Check that a folder holds the plug-in of this version, and that GIMP will take it."""
    entry = folder / "drag_gan.py"
    if not entry.is_file():
        return Finding("plug-in", False, f"it is not in {folder}; {INSTALL}")
    if not os.access(entry, os.X_OK):  # GIMP silently ignores such an entry
        return Finding("plug-in", False, f"{entry} is not executable; {INSTALL}")
    try:
        settings = json.loads((folder / "backend.json").read_text(encoding="utf-8"))
        version, python, ready_file = settings["version"], Path(settings["python"]), Path(settings["ready_file"])
    except (OSError, ValueError, LookupError, TypeError):
        return Finding("plug-in", False, f"{folder / 'backend.json'} cannot be read; {INSTALL}")
    if version != __version__:
        return Finding("plug-in", False, f"{folder} is of version {version}, not {__version__}; {INSTALL}")
    if not python.exists():
        return Finding("plug-in", False, f"the backend's Python {python} is gone; {INSTALL}")
    if ready_file != paths.ready_file():
        return Finding("plug-in", False, f"{folder} looks for the backend in {ready_file}, not here; {INSTALL}")
    return Finding("plug-in", True, f"version {version} in {folder}")


def _one_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
