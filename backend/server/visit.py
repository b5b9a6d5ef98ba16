"""Visiting the backend as the plug-in does: start it when it does not run, and speak to it as a client."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gradio_client import Client

from backend import paths
from backend.errors import UserError
from backend.server import lifecycle
from backend.server.access import TOKEN_HEADER

START_SECONDS = 180.0
ANSWER_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[2]  # where -m finds the backend, installed or in a clone
BACKEND = (sys.executable, "-u", "-m", "backend")


def started() -> dict[str, Any]:
    """Start a backend; returns its ready file's content once it answers. Raises UserError when it does not."""
    paths.data_folder().mkdir(parents=True, exist_ok=True)
    paths.log_file().parent.mkdir(parents=True, exist_ok=True)
    with open(paths.log_file(), "ab") as log:
        process = subprocess.Popen([*BACKEND, "serve"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        ready = lifecycle.running()
        if ready:
            return ready
        if ended and ready is None:  # with {} somebody else's is starting, which made ours give way
            break
        time.sleep(0.2)
    raise UserError(f"The backend did not start; its log is {paths.log_file()}.")


def stop() -> None:
    """End the backend, if one runs."""
    subprocess.run([*BACKEND, "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, timeout=60)


@contextlib.contextmanager
def connected(ready: Mapping[str, Any], downloads: Path) -> Iterator[Client]:
    """A client of the backend that wrote `ready`; what it fetches goes to the folder `downloads`."""
    tempfile.tempdir = str(downloads)  # gradio_client leaves an empty folder there for every file it fetches
    try:
        yield Client(
            ready["url"],
            headers={TOKEN_HEADER: ready["token"]},
            httpx_kwargs={"trust_env": False, "timeout": ANSWER_SECONDS},
            download_files=str(downloads),
            analytics_enabled=False,
            verbose=False,
        )
    finally:
        tempfile.tempdir = None
