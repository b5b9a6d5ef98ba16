"""Taking a model file into the store: converted in a process of its own, there whole or not at all."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock

from backend import paths
from backend.client.protocol import Flag
from backend.errors import Cancelled, UserError
from backend.files import replace, write_text_whole
from backend.models import catalogue, records
from backend.models.catalogue import Entry
from backend.models.converter import REFUSED, Done, Job
from stylegan2.errors import ModelError
from stylegan2.files import sha256_of

ROOT = Path(__file__).resolve().parents[2]  # where -m finds the backend, installed or in a clone
MOST_SECONDS = 900.0  # that a conversion may take
POLL_SECONDS = 0.1


@contextlib.contextmanager
def sole_writer() -> Iterator[None]:
    """Be the one process that downloads or imports. Raises UserError when another is."""
    lock = filelock.FileLock(paths.download_lock_file(), timeout=0)
    try:
        paths.make_private(paths.data_folder())
        lock.acquire()
    except filelock.Timeout:
        raise UserError("Another model is being fetched or added; wait until that is done, or cancel it.") from None
    except OSError as error:
        raise UserError(
            f"The models folder {paths.models_folder()} cannot be made ({error.strerror or error}); mend that."
        ) from error
    try:
        yield
    finally:
        lock.release()


def take_in(
    source: Path,
    name: str,
    entry: Entry | None = None,
    preset: Mapping[str, Any] | None = None,
    cancelled: Flag = lambda: False,
) -> Path:
    """Convert a model file into the store; call it inside sole_writer().

    What is known of a published file (its licence, source and preset) goes with it.

    Args:
        source: of any kind that can be read; it stays.
        name: what the model is called from now on.
        entry: of the catalogue; without one it is looked for by the file's checksum.
        preset: constants to be stored with it, over those it brings.
        cancelled: whether to end.

    Returns:
        The store's file.

    Raises:
        ModelError, UserError: it is no model, or cannot be written; the store is as it was.
        Cancelled: `cancelled` was true.
    """
    target = paths.models_folder() / f"{name}.safetensors"
    try:
        with _work_folder() as folder:
            digest = sha256_of(source)
            entry = entry or catalogue.by_sha256(digest)
            job = _job(source, folder, name, digest, entry, preset or {})
            _keep(job, target, _record(entry, digest, run(job, cancelled)))
    except OSError as error:
        raise UserError(
            f"The model cannot be written to {target.parent} ({error.strerror or error}); mend that and try again."
        ) from error
    return target


def _keep(job: Job, target: Path, record: records.Record) -> None:
    """Move what a job made to where it belongs. Raises OSError, UserError."""
    assert job.target is not None
    write_text_whole(records.record_file(target), record.model_dump_json(indent=1))
    replace(job.sheet, records.sheet_file(target))
    replace(job.target, target)  # last: this makes it a model of the store


def draw_sheet(model: Path, sheet: Path, usable_height: int | None, cancelled: Flag) -> None:
    """Draw four samples of a model's file into a PNG file, in a process of its own.

    Raises:
        ModelError, UserError: they cannot be drawn.
        Cancelled: `cancelled` was true.
    """
    temporary = sheet.with_name(f".{sheet.name}.{os.getpid()}.tmp")
    try:
        run(Job(source=model, sheet=temporary, usable_height=usable_height), cancelled)
        replace(temporary, sheet)
    except OSError as error:
        raise UserError(f"{sheet} cannot be written ({error.strerror or error}); mend that.") from error
    finally:
        temporary.unlink(missing_ok=True)


def run(job: Job, cancelled: Flag) -> Done:
    """Have a process of its own do a job. Raises ModelError, UserError, Cancelled."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.models.converter"],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}, creationflags=flags,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
    )  # fmt: skip
    answer, said = _talk(process, job.model_dump_json(), cancelled)
    if process.returncode == 0:
        return Done.model_validate_json(answer)
    sentence = (said.strip().splitlines() or [""])[-1]
    if process.returncode == REFUSED and sentence:
        raise ModelError(sentence)
    raise ModelError(
        f"The model file {job.source} cannot be converted: the process that read it ended with the code "
        f"{process.returncode} ({sentence[:200] or 'too little memory, perhaps'}); choose another file."
    )


def _talk(process: subprocess.Popen[str], text: str, cancelled: Flag) -> tuple[str, str]:
    """Send a text and wait for the end; return what it wrote. Ends the process in any case."""
    deadline = time.monotonic() + MOST_SECONDS
    send: str | None = text
    try:
        while True:
            try:
                return process.communicate(send, timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                send = None
            if cancelled():
                raise Cancelled
            if time.monotonic() > deadline:
                raise UserError(f"The model was not converted in {MOST_SECONDS / 60:.0f} minutes; choose another file.")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _job(source: Path, folder: Path, name: str, digest: str, entry: Entry | None, preset: Mapping[str, Any]) -> Job:
    job = Job(
        source=source.absolute(), sha256=digest, target=folder / "model", sheet=folder / "sheet", name=name,
        own_preset=dict(preset),
    )  # fmt: skip
    if entry is not None:
        job.licence, job.preset, job.usable_height = entry.licence.name, dict(entry.preset), entry.usable_height
        job.origin = f"{entry.urls[0] if entry.urls else entry.title}, sha256 {digest}"
    return job


def _record(entry: Entry | None, digest: str, done: Done) -> records.Record:
    return records.Record(
        original_sha256=digest,
        sha256=done.sha256,
        source=done.origin,
        licence=entry.licence if entry else None,
        usable_height=entry.usable_height if entry else None,
        aligned_faces=entry.aligned_faces if entry else False,
        added=datetime.date.today(),
    )


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """An empty folder beside the models; what a killed process left of it is deleted. Raises OSError."""
    paths.make_private(paths.data_folder())
    folder = paths.models_folder() / ".converting"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds models
            folder.parent.rmdir()
