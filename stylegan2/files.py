"""Putting a finished file in the place of an older one."""

from __future__ import annotations

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
