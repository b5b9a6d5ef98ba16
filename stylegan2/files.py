"""Small work on files: putting a finished one in the place of an older one, checksums, presets."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from .errors import ModelError

PAUSES = (0.05, 0.2, 0.5)  # seconds


def replace_file(source: Path, target: Path) -> None:
    """Rename, trying again for a moment: on Windows another program, a virus scanner say, may hold a file open.

    Raises OSError when it stays so.
    """
    for pause in PAUSES:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(pause)
    os.replace(source, target)


def sha256_of(path: Path) -> str:
    """Return the checksum of a file, in hexadecimal digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_preset(path: Path) -> dict[str, Any]:
    """Read a file of constants of the drag, a JSON object. Raises ModelError."""
    try:
        preset = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"The preset {path} cannot be read ({error.strerror or error}); check its path.") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"The preset {path} is not a JSON file; give one.") from error
    if not isinstance(preset, dict):
        raise ModelError(f'The preset {path} is not a JSON object; give one, such as {{"step_size": 0.002}}.')
    return preset
