"""A Python of our own for the backend, made by whichever tool is there; the right build of PyTorch."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from backend.errors import UserError
from backend.files import write_text_whole

OLDEST_PYTHON = (3, 10)
TORCH_HOST = "https://download.pytorch.org/whl"
TORCH_CUDA = "cu130"  # the CUDA version that the torch of backend/requirements.txt is built for
HOST_PATIENCE = 4.0  # seconds


class Environment(NamedTuple):
    """A Python of our own: its folder, what is installed in it, and where its `-m backend` comes from."""

    folder: Path
    requirements: tuple[Path, ...]
    program: Path

    @property
    def python(self) -> Path:
        """The program file of this Python."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def vendor(self) -> Path:
        """The plug-in's own packages, kept here to be copied beside each plug-in."""
        return self.folder / "gimp-vendor"

    @property
    def manual(self) -> Path:
        """The plug-in's manual, likewise."""
        return self.folder / "gimp-manual"


def check_python(version: tuple[int, ...]) -> None:
    """Refuse a Python that is too old for the packages."""
    if version < OLDEST_PYTHON:
        oldest, found = (".".join(map(str, pair)) for pair in (OLDEST_PYTHON, version))
        raise UserError(f"Python {oldest} or newer is needed, and this is {found}; run install.py with a newer one.")


def say(text: str) -> None:
    """Print at once, so that the order is right when other programs print too."""
    print(text, flush=True)


def fingerprints(files: Sequence[Path], nvidia: bool) -> set[str]:
    """One per file; it changes whenever other packages would have to be installed for that file."""
    card = b"nvidia" if nvidia else b"no nvidia"
    return {hashlib.sha256(card + path.name.encode() + path.read_bytes()).hexdigest() for path in files}


def create(folder: Path) -> None:
    """Make an environment with pip in it, by whichever of the usual tools is there."""
    for maker in environment_makers():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if subprocess.call([*maker, str(folder)], env=program_environment()) == 0:
            return
    raise UserError(
        "This Python cannot make an environment: install its venv part (on Debian and Ubuntu with "
        '"sudo apt install python3-venv") or uv, and run this again.'
    )


def environment_makers() -> list[list[str]]:
    """Commands that make an environment in the folder named last; Debian's Python may lack the first."""
    makers: list[list[str]] = []
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        makers.append([sys.executable, "-m", "venv"])
    if uv := shutil.which("uv"):
        makers.append([uv, "venv", "--quiet", "--seed", "--python", sys.executable])
    if virtualenv := shutil.which("virtualenv"):
        makers.append([virtualenv, "--quiet", "--python", sys.executable])
    return makers


def pip(environment: Environment, *arguments: str) -> None:
    """Install with the environment's pip, which follows the user's own pip settings."""
    quiet = [] if sys.stdout is not None and sys.stdout.isatty() else ["-qq"]
    command = [
        str(environment.python),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--no-input",
        *quiet,
    ]
    environ = {**program_environment(), "PIP_USER": "0"}  # a user's default that no environment can follow
    if subprocess.call([*command, *arguments], env=environ) != 0:
        raise UserError("pip could not install the packages and says why above; mend that and run this again.")


def torch_index(nvidia: bool, system: str = sys.platform, host: str = TORCH_HOST) -> str | None:
    """PyTorch's own package index, where pip's default one has a larger build than needed or no CUDA."""
    if system == "darwin" or (nvidia and system != "win32"):
        return None
    index = f"{host}/{TORCH_CUDA if nvidia else 'cpu'}"
    try:
        urllib.request.urlopen(f"{index}/torch/", timeout=HOST_PATIENCE).close()
    except (OSError, http.client.HTTPException):
        say(f"{host} does not answer, so pip takes PyTorch from its default index; that build may be larger.")
        return None
    return index


def has_nvidia() -> bool:
    """Whether there is an NVIDIA card with a working driver."""
    tool = shutil.which("nvidia-smi")
    return tool is not None and (run_quietly([tool, "-L"]) or "").startswith("GPU")


def link_program(environment: Environment) -> None:
    """Let `-m backend` work from any folder; a relative line is plain ASCII whatever the user's name is."""
    question = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    answer = run_quietly([str(environment.python), "-c", question])
    if answer is None:
        raise UserError(f"{environment.python} does not start; delete {environment.folder} and run this again.")
    packages = Path(json.loads(answer))
    write_text_whole(packages / "draggan.pth", os.path.relpath(environment.program, packages) + "\n")


def program_environment() -> dict[str, str]:
    """The user's environment without what would lead our own Python to other packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def run_quietly(command: Sequence[str], environ: Mapping[str, str] | None = None) -> str | None:
    """What a program prints, or None when it is not there, fails or takes longer than a minute."""
    environ = program_environment() if environ is None else environ
    try:
        done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
