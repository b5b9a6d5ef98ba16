"""What install.py wrote beside the plug-in: which backend belongs to it, and how that is started. Nothing of GIMP."""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.problems import Fault

FLATPAK_MARK = Path("/.flatpak-info")  # there in every Flatpak sandbox
NOT_INSTALLED = "The plug-in is not completely installed ({reason}); run install.py again."

# GIMP's bundles point these at their own libraries, which break a Python that is not theirs
FOREIGN_VARIABLES = frozenset({
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX",
    "LD_LIBRARY_PATH", "LD_PRELOAD",
    "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "GI_TYPELIB_PATH",
    "GTK_PATH", "GTK_EXE_PREFIX", "GTK_DATA_PREFIX", "GTK_IM_MODULE_FILE", "GDK_PIXBUF_MODULE_FILE",
    "GDK_PIXBUF_MODULEDIR", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "APPDIR", "APPIMAGE", "ARGV0",
})  # fmt: skip
FOREIGN_PREFIXES = ("GIMP", "GEGL", "BABL")

log = logging.getLogger("draggan.service")


@dataclass(frozen=True)
class Installation:
    """What install.py wrote into backend.json beside the plug-in; the plug-in guesses nothing."""

    python: str
    arguments: tuple[str, ...]
    directory: str
    ready_file: Path
    log_file: Path
    version: str

    @classmethod
    def read(cls, folder: Path) -> Installation:
        """Read `folder`/backend.json. Raises Problem when it is missing or damaged."""
        file = folder / "backend.json"
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                python=str(content["python"]),
                arguments=tuple(str(argument) for argument in content["arguments"]),
                directory=str(content["directory"]),
                ready_file=Path(content["ready_file"]),
                log_file=Path(content["log_file"]),
                version=str(content["version"]),
            )
        except FileNotFoundError:
            raise Fault(NOT_INSTALLED.format(reason=f"{file} is missing")) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Fault(NOT_INSTALLED.format(reason=f"{file} cannot be read")) from error

    def start(self) -> subprocess.Popen[bytes]:
        """Start the backend, its output at the end of its log file. Raises Fault."""
        command = [self.python, *self.arguments]
        if in_sandbox():
            raise Fault(
                "GIMP from Flatpak or Snap cannot start the backend; start it yourself with "
                f"{shlex.join(command)}, then run the filter again."
            )
        try:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            with open(self.log_file, "ab") as output:
                process = start_detached(command, self.directory, output)
        except OSError as error:
            log.error("start: %r", error)
            raise Fault(f"The backend could not be started ({error}); run install.py again.") from error
        log.info("started the backend, process %d", process.pid)
        return process

    def early_death(self, code: int) -> Fault:
        """What to tell of a backend that ended with an exit code before it answered."""
        try:
            lines = [line.strip() for line in self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()]
        except OSError:
            lines = []
        last = next((line for line in reversed(lines) if line), "nothing")
        return Fault(
            f"The backend ended while it was starting (exit code {code}, last words: {last[:200]}); "
            "run install.py again.",
            self.log_file,
        )


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for the backend: without what GIMP and its bundles set for their own programs."""
    return {
        name: value
        for name, value in environment.items()
        if name not in FOREIGN_VARIABLES and not name.startswith(FOREIGN_PREFIXES)
    }


def in_sandbox() -> bool:
    """Whether this GIMP came as a Flatpak or Snap, which may start no program of the machine."""
    # a terminal from Snap hands its variables on, too, but with its own name
    return FLATPAK_MARK.exists() or os.environ.get("SNAP_NAME") == "gimp"


def start_detached(command: list[str], directory: str, output: Any) -> subprocess.Popen[bytes]:
    """Start a program that outlives this one, with a clean environment, its output in the file `output`."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        command,
        env=clean_environment(os.environ),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=sys.platform != "win32",
        creationflags=flags,
    )
