"""On the computer that computes: start its backend for a client elsewhere, and have it stay while that is there."""

from __future__ import annotations

import os
import select
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from backend import paths
from backend.client import Backend
from backend.client.connection import Ready
from backend.server import instance

UNATTENDED_MINUTES = "1"  # after which a backend ends that was started for others: they may come back after a break
LOOK_EVERY = 1.0  # seconds
SIGNS_EVERY = 15  # looks, after which a client is written to: one that has vanished is noticed by that
ALIVE = "alive"


def start_backend() -> int:
    """Print the ready file of the backend, which is started if it does not run. Raises UserError."""
    installation = instance.installation()
    arguments = (*installation.arguments, "--unattended-minutes", UNATTENDED_MINUTES)
    with tempfile.TemporaryDirectory() as folder:
        backend = Backend(replace(installation, arguments=arguments), Path(folder))
        backend.connect()
        backend.close()
        print(paths.ready_file().read_text(encoding="utf-8").replace("\n", " "), flush=True)
    return 0


def keep_alive() -> int:
    """Stay until the backend has ended (0), or who started this is gone (1)."""
    file = paths.client_processes_folder() / str(os.getpid())
    paths.make_private(file.parent)
    file.touch()
    try:
        print(ALIVE, flush=True)
        looks = 0
        while isinstance(instance.running(), Ready):
            if select.select([sys.stdin], [], [], LOOK_EVERY)[0] and not os.read(sys.stdin.fileno(), 1):
                return 1
            looks += 1
            if looks % SIGNS_EVERY == 0:
                print(".", flush=True)
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at the end
        return 1
    finally:
        file.unlink(missing_ok=True)
