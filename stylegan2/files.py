"""Putting a finished file in the place of an older one, and its checksum."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

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
