"""Who makes use of a process, as files named by their process ids: it ends soon after the last of them.

What is killed takes nothing off this list; so the list is asked together with the system.
"""

from __future__ import annotations

from pathlib import Path

import psutil

CLOCKS = 2.0  # seconds by which the times of a file and of a process may differ


def any_running(folder: Path) -> bool:
    """Tell whether a process runs that is named in the folder; forget those that have ended."""
    return any(list(map(_runs, folder.glob("[0-9]*"))))


def _runs(file: Path) -> bool:
    try:
        # a younger process has the number of one that has ended
        if psutil.Process(int(file.name)).create_time() <= file.stat().st_mtime + CLOCKS:
            return True
    except (psutil.Error, OSError, ValueError):
        pass
    file.unlink(missing_ok=True)
    return False
