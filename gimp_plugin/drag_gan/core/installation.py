"""What install.py wrote beside the plug-in: which backend belongs to it, and how that is started. Nothing of GIMP."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from backend.client import Installation
from backend.errors import UserError
from core import logs
from core.i18n import _

FLATPAK_MARK = Path("/.flatpak-info")  # there in every Flatpak sandbox
NOT_INSTALLED = _("The plug-in is not completely installed ({reason}); run install.py again.")

# GIMP's bundles point these at their own libraries, which break a Python that is not theirs
FOREIGN_VARIABLES = frozenset({
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX",
    "LD_LIBRARY_PATH", "LD_PRELOAD",
    "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "GI_TYPELIB_PATH",
    "GTK_PATH", "GTK_EXE_PREFIX", "GTK_DATA_PREFIX", "GTK_IM_MODULE_FILE", "GDK_PIXBUF_MODULE_FILE",
    "GDK_PIXBUF_MODULEDIR", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "APPDIR", "APPIMAGE", "ARGV0",
})  # fmt: skip
FOREIGN_PREFIXES = ("GIMP", "GEGL", "BABL")


class PluginInstallation(Installation):
    """The backend that belongs to this plug-in; the plug-in guesses nothing."""

    @classmethod
    def read(cls, folder: Path) -> PluginInstallation:
        """Read what install.py wrote into `folder`/backend.json. Raises UserError when it is missing or damaged."""
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
            raise UserError(
                NOT_INSTALLED.format(reason=_("{file} is missing").format(file=file)), logs.file()
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                NOT_INSTALLED.format(reason=_("{file} cannot be read").format(file=file)), logs.file()
            ) from error

    def environment(self) -> Mapping[str, str]:
        """Without what GIMP and its bundles set for their own programs."""
        return clean_environment(os.environ)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the backend where this GIMP may start programs. Raises UserError."""
        if in_sandbox():
            raise UserError(
                _(
                    "GIMP from Flatpak or Snap cannot start the backend; start it yourself with {command}, then run "
                    "the filter again."
                ).format(command=shlex.join([self.python, *self.arguments]))
            )
        return super().start()


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
