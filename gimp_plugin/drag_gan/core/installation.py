"""What install.py wrote beside the plug-in: which backend belongs to it, and how that is started. Nothing of GIMP."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.client import Installation
from backend.client.launcher import start_detached
from backend.computers import Computers
from backend.errors import UserError
from core import logs
from core.i18n import _

FLATPAK_MARK = Path("/.flatpak-info")  # there in every Flatpak sandbox
ON_HOST = ("flatpak-spawn", "--host")
PERMISSION = "flatpak override --user --talk-name=org.freedesktop.Flatpak {app}"
ASK_SECONDS = 10.0
PASSED = ("DRAGGAN_HOME",)  # into the user's session, where it is set
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

    def on_chosen(self) -> Installation:
        """Return the same of the computer that the artist has chosen, kept in reach while this GIMP runs."""
        chosen = self.on(Computers.read(self.data).chosen)
        chosen.register_client()
        return chosen

    def register_client(self) -> None:
        """Keep another computer's backend in reach while this GIMP runs; in a sandbox processes have other numbers."""
        if not FLATPAK_MARK.exists():
            super().register_client()

    def environment(self) -> Mapping[str, str]:
        """Without what GIMP and its bundles set for their own programs."""
        return clean_environment(os.environ)

    def spawn(self, arguments: Sequence[str], output: Any) -> subprocess.Popen[bytes]:
        """Start its Python where this GIMP may start programs of the machine. Raises OSError, UserError."""
        if os.environ.get("SNAP_NAME") == "gimp":  # a terminal from Snap hands its variables on, with its own name
            raise UserError(
                _(
                    "GIMP from Snap cannot start the backend; start it yourself with {command}, then run the filter "
                    "again."
                ).format(command=shlex.join([self.python, *self.command]))
            )
        if not FLATPAK_MARK.exists():
            return super().spawn(arguments, output)
        if not may_start_on_host():
            app = os.environ.get("FLATPAK_ID", "org.gimp.GIMP")
            raise UserError(
                _(
                    "GIMP from Flatpak has to be allowed to start the backend; paste this line into a terminal once, "
                    "then start GIMP anew: {line}"
                ).format(line=PERMISSION.format(app=app))
            )
        # The program gets the environment of the user's session, not that of the sandbox.
        passed = [f"--env={name}={os.environ[name]}" for name in PASSED if name in os.environ]
        command = [*ON_HOST, f"--directory={self.directory}", *passed, self.python, *arguments]
        return start_detached(command, "/", os.environ, output)


def may_start_on_host() -> bool:
    """Whether this Flatpak has the one permission to start programs outside of it."""
    try:
        return subprocess.run([*ON_HOST, "true"], capture_output=True, timeout=ASK_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for the backend: without what GIMP and its bundles set for their own programs."""
    own = {
        name: value
        for name, value in environment.items()
        if name not in FOREIGN_VARIABLES and not name.startswith(FOREIGN_PREFIXES)
    }
    bundle = environment.get("APPDIR")
    return {name: kept for name, value in own.items() if (kept := _outside(value, bundle) if bundle else value)}


def _outside(value: str, bundle: str) -> str:
    """Return a list of places, as PATH is one, without those in an AppImage; other values stay as they are."""
    return os.pathsep.join(place for place in value.split(os.pathsep) if not place.startswith(bundle))
