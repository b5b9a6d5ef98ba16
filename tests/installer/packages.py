"""Packages that pip can install, and environments to install them in."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import install


def wheel(folder: Path, name: str, version: str) -> None:
    """An empty package that pip can install."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def copy_environment(template: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder, symlinks=True)


def installed(environment: install.Environment) -> dict[str, str]:
    """Names and versions of what an environment holds."""
    command = [str(environment.python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, check=True)
    return {package["name"]: package["version"] for package in json.loads(done.stdout)}
