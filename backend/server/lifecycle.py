"""The lifecycle of the one backend a user has: start, readiness, idleness, end."""

from __future__ import annotations

import contextlib
import faulthandler
import math
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from backend import client_processes, paths
from backend.client.connection import Ready
from backend.errors import UserError
from backend.server import log
from backend.server.instance import running, sole_instance, write_ready_file
from backend.server.log import logger

if TYPE_CHECKING:
    from backend.server.web import Server

IDLE_MINUTES = 30.0
FREE_AFTER = 5 * 60.0  # seconds without a job after which the model's memory is given back
WATCH_EVERY = 1.0  # seconds
NICE = 5  # as of nice(1): behind GIMP, before what has no haste at all
LAST_WAIT = 20.0  # seconds a job in a long step may hold up the end of the process


def serve(idle_minutes: float = IDLE_MINUTES, unattended_minutes: float = 0) -> None:
    """Be the backend until a client or the system ends it, or nobody uses it any more.

    Args:
        idle_minutes: without a client after which it ends; 0: never.
        unattended_minutes: the same without any client process, of one started for others; 0: never.

    Raises:
        UserError: another backend of this user is running, or the log cannot be written.
    """
    with sole_backend() as files:
        _lower_priority()
        _serve(files, idle_minutes * 60, unattended_minutes * 60)


@contextlib.contextmanager
def sole_backend() -> Iterator[Path]:
    """Be the one backend of this user: with its lock, its log, and an empty work folder, which goes at the end.

    Yields:
        The work folder, in which Gradio, too, keeps its files; import it only now.

    Raises:
        UserError: another backend of this user is running, or the log or the folder cannot be written.
    """
    with sole_instance() as alone:
        if not alone:
            raise UserError(_already_running())
        try:
            log.start()
        except OSError as error:
            raise UserError(f"The log {paths.log_file()} cannot be written ({error}); mend that.") from error
        paths.ready_file().unlink(missing_ok=True)
        _have_output()
        files = empty_work_folder()
        os.environ["GRADIO_TEMP_DIR"] = str(files)
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(files / "torch")  # else an empty folder of torch's stays in /tmp
        try:
            yield files
        finally:
            paths.ready_file().unlink(missing_ok=True)
            shutil.rmtree(files, ignore_errors=True)


def _lower_priority() -> None:
    """Leave the processor to the programs that the artist works with, wherever they want it."""
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process()
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else max(process.nice(), NICE))


def empty_work_folder() -> Path:
    """Return the work folder, without the pictures that a killed backend could not delete.

    What cannot be deleted stays: on Windows a virus scanner, say, may have a file open. A link is not followed.

    Raises:
        UserError: there can be none.
    """
    files = paths.work_folder()
    try:
        if files.is_symlink():
            files.unlink()
        shutil.rmtree(files, ignore_errors=True)
        paths.make_private(files)
        with tempfile.TemporaryFile(dir=files):  # only trying tells
            pass
    except OSError as error:
        raise UserError(f"The folder {files} cannot be used ({error.strerror or error}); mend that.") from error
    return files


def _already_running() -> str:
    ready = running()
    where = f" (process {ready.pid}, {ready.url})" if isinstance(ready, Ready) else ""
    return f"A backend is already running{where}; use it, or end it with: python -m backend stop"


def _serve(files: Path, idle_seconds: float, unattended_seconds: float) -> None:
    # Imported here: these take seconds, and the lock is asked for first.
    from backend.server.catalogue import ModelCatalogue
    from backend.server.jobs import JobRunner
    from backend.server.web import Server

    server = Server(JobRunner(files, cache=paths.cache_folder()), ModelCatalogue())
    watcher = _Watcher(server, idle_seconds, unattended_seconds)
    with end_on_signals(server.stop):
        watcher.start()
        logger.info("Starting at %s on %s", server.ready["url"], server.runner.device)
        try:
            server.serve_until_stopped()
        finally:
            watcher.end()
            server.catalogue.close()
    if watcher.failure is not None:
        raise watcher.failure
    _leave_within(LAST_WAIT)
    logger.info("Ended")


class _Watcher(threading.Thread):
    """Writes the ready file when the server answers, then checks for idleness once a second."""

    def __init__(self, server: Server, idle_seconds: float, unattended_seconds: float = 0) -> None:
        super().__init__(name="watcher", daemon=True)
        self.server, self.idle_seconds, self.unattended_seconds = server, idle_seconds, unattended_seconds
        self.failure: UserError | None = None  # why there is no ready file
        self._over = threading.Event()

    def end(self) -> None:
        """End the thread; no ready file is written any more once this returns."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Run until end() is called."""
        try:
            while not (self.server.started or self._over.wait(0.02)):
                pass
            if self._over.is_set():
                return
            write_ready_file(self.server.ready, paths.ready_file())
            logger.info("Ready")
            self.server.catalogue.downloads.resume()
            while not self._over.wait(WATCH_EVERY):
                self.look()
        except UserError as error:
            self.failure = error
            self.server.stop()
        except Exception:
            logger.exception("The watcher failed; ending")
            self.server.stop()

    def look(self) -> None:
        """Free memory, delete files or end the server when it is time for that."""
        runner = self.server.runner
        alone, resting = self.server.access.seconds_alone, runner.queue.seconds_idle
        if resting > FREE_AFTER:
            runner.free()
        self.server.tidy()
        if runner.queue.device_lost:
            logger.error("The device is lost; ending")
            self.server.stop()
        fetching = self.server.catalogue.downloads.is_busy
        patience = self.idle_seconds or math.inf
        if self.unattended_seconds and not client_processes.any_running(paths.client_processes_folder()):
            patience = min(patience, self.unattended_seconds)
        if min(alone, resting) > patience and not fetching:
            logger.info("Nobody asked for anything in %.1f minutes; ending", patience / 60)
            self.server.stop()


@contextlib.contextmanager
def end_on_signals(stop: Any) -> Iterator[None]:
    """End in good order on Ctrl+C and on being asked to by the system.

    Uvicorn has handlers of its own while it runs and raises the signal again afterwards; these take that one.
    """
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: stop()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _have_output() -> None:
    """Give the process stdout and stderr: Windows starts programs without a console without them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the end
    with contextlib.suppress(Exception):  # stderr may be no real file; then crashes go unrecorded as before
        faulthandler.enable()


def _leave_within(seconds: float) -> None:
    """End the process even when a thread is stuck in a job's step."""
    timer = threading.Timer(seconds, lambda: os._exit(0))
    timer.daemon = True
    timer.start()
