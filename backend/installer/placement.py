"""Where GIMP 3 looks for plug-ins, and putting ours there.

Folders per system: Edit > Preferences > Folders > Plug-ins in GIMP shows the truth.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.errors import UserError

BACKEND = Path(__file__).resolve().parents[1]
PLUGIN = BACKEND.parent / "gimp_plugin" / "drag_gan"
CLIENT = ("__init__.py", "computers.py", "errors.py", "files.py", "client")  # the plug-in's copy of its client
PROCEDURE = "draggan-drag-along-paths"
NOT_COPIED = ("__pycache__", "*.pyc", "vendor", "manual", "backend.json")
PERMISSION = "flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP"
CONSOLES = ("gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console")


def profile_roots(
    system: str = sys.platform, environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> list[Path]:
    """The folders with one folder per GIMP version: of Linux packages, Flatpak, Snap; Windows; macOS."""
    home = home or Path.home()
    if system == "win32":
        return [Path(environ.get("APPDATA") or home / "AppData" / "Roaming") / "GIMP"]
    if system == "darwin":
        return [home / "Library" / "Application Support" / "GIMP"]
    return [
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "GIMP",
        home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP",
        home / "snap" / "gimp" / "current" / ".config" / "GIMP",
    ]


def profiles(roots: Sequence[Path]) -> list[Path]:
    """Every GIMP 3.x profile there is; GIMP makes one when a version first starts."""
    found = [path for root in roots for path in sorted(root.glob("3.*")) if path.is_dir()]
    return [path for path in found if re.fullmatch(r"3\.\d+", path.name)]


def is_sandboxed(profile: Path) -> bool:
    """Whether only a GIMP from Flatpak or Snap uses a profile; such a GIMP cannot start other programs by itself."""
    return any(part in (".var", "snap") for part in profile.parts)


def find_console(
    system: str = sys.platform, environ: Mapping[str, str] = os.environ, consoles: Sequence[str] = CONSOLES
) -> str | None:
    """The program of an installed GIMP 3 that needs no window, or None."""
    folders = [environ.get("PATH", "")]
    if system == "darwin":
        folders.append("/Applications/GIMP.app/Contents/MacOS")
    if system == "win32":
        places = [environ.get("PROGRAMFILES"), os.path.join(environ.get("LOCALAPPDATA", ""), "Programs")]
        folders += [os.path.join(place, "GIMP 3", "bin") for place in places if place]
    for folder in folders:
        for name in consoles:
            program = shutil.which(name, path=folder)
            if program and version_of(program).startswith("3."):
                return program
    return None


def version_of(console: str) -> str:
    """Such as "3.0.4"; empty when the program does not say."""
    found = re.search(r"\d+\.\d+\.\d+", _output([console, "--version"], seconds=60))
    return found[0] if found else ""


def is_registered(console: str) -> bool:
    """Start GIMP without a window and ask it for our procedure; takes seconds, the very first time longer."""
    question = f"print('PROCEDURE', Gimp.get_pdb().procedure_exists('{PROCEDURE}'), flush=True)"
    batch = ["--batch-interpreter=python-fu-eval", "-b", question, "--quit"]
    return "PROCEDURE True" in _output([console, "-i", *batch], seconds=180)


def install_plugin(plugins: Path, vendor: Path, manual: Path, settings: Mapping[str, object]) -> Path:
    """Put the plug-in with its packages, manual and settings into a plug-ins folder, as a whole or not at all.

    Args:
        plugins: GIMP's plug-ins folder; made when it is missing.
        vendor: folder of the plug-in's own packages, copied beside it.
        manual: folder of HTML pages, copied beside it.
        settings: written beside it as backend.json.

    Returns:
        The folder of the plug-in, which has replaced an older one.
    """
    staging = plugins / "drag_gan.new"  # GIMP overlooks it: no file in it is called drag_gan.new
    shutil.rmtree(staging, ignore_errors=True)
    plugins.mkdir(parents=True, exist_ok=True)
    shutil.copytree(PLUGIN, staging, ignore=shutil.ignore_patterns(*NOT_COPIED))
    shutil.copytree(vendor, staging / "vendor")
    copy_client(staging / "vendor")
    shutil.copytree(manual, staging / "manual")
    (staging / "backend.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    entry = staging / "drag_gan.py"
    entry.chmod(0o755)  # GIMP silently ignores an entry that is not executable
    entry.touch()  # GIMP asks a plug-in for its menu entry again only when this time has changed
    swap(staging, plugins / "drag_gan")
    return plugins / "drag_gan"


def copy_client(vendor: Path) -> None:
    """Put the backend's client among the plug-in's own packages."""
    (vendor / "backend").mkdir()
    for name in CLIENT:
        source, target = BACKEND / name, vendor / "backend" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_COPIED))
        else:
            shutil.copyfile(source, target)


def swap(staging: Path, target: Path) -> None:
    """Put a finished folder in the place of an older one, which stays as it was if that fails."""
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if target.exists():
            target.rename(old)
        staging.rename(target)
    except PermissionError as error:  # Windows, while a program in the folder runs
        if old.exists() and not target.exists():
            old.rename(target)
        raise UserError(f"{target} is in use or protected; close GIMP and run this again.") from error
    shutil.rmtree(old, ignore_errors=True)


def _output(command: Sequence[str], seconds: float) -> str:
    """What a program prints; empty when it does not start, fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
