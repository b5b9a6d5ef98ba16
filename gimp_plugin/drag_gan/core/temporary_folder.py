"""The folder for the files of one run. Nothing of GIMP; filelock is among what gradio_client needs (vendor.lock)."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "draggan-"
LOCK = "in use"

log = logging.getLogger("draggan.temporary_folder")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that is deleted at the end, and with it what runs have left that were killed.

    While it is there, all temporary files of this process go there, too.

    Yields:
        The folder.
    """
    import filelock  # takes a moment that GIMP's start should not wait for

    folder, before = Path(tempfile.mkdtemp(prefix=PREFIX)), tempfile.tempdir
    try:
        with filelock.FileLock(folder / LOCK):
            _sweep(folder.parent)
            tempfile.tempdir = str(folder)
            yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Delete the folders whose lock nobody holds."""
    import filelock

    for lock in place.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with filelock.FileLock(lock, timeout=0):
                log.info("deleting what a killed run has left: %s", lock.parent)
        except (filelock.Timeout, OSError):
            continue
        shutil.rmtree(lock.parent, ignore_errors=True)
