"""The life of the one backend a user has: start, readiness, idleness, end.

Whoever holds the lock is the backend. The ready file tells where it listens: it is written, readable by its
owner only, once requests are answered, and removed at the end; one without a held lock is a dead process's.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from backend import paths
from backend.errors import UserError
from backend.server import PROTOCOL
from backend.server.log import logger

IDLE_MINUTES = 30.0
FREE_AFTER = 5 * 60.0  # seconds without a job after which the model's memory is given back
SWEEP_AFTER = 60.0  # seconds without anyone connected after which the jobs' files are deleted
WATCH_EVERY = 1.0  # seconds
LOCK_PATIENCE = 2.0  # seconds; a status question holds the lock for a moment
LAST_WAIT = 20.0  # seconds a job in a long step may hold up the end of the process


@contextlib.contextmanager
def sole_instance(patience: float = LOCK_PATIENCE) -> Iterator[bool]:
    """Hold the lock of the one backend; yields False when another process holds it."""
    paths.data_folder().mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(paths.lock_file(), timeout=patience)
    try:
        lock.acquire()
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def running() -> dict[str, Any] | None:
    """The ready file of the running backend, or None; a dead one's file is removed.

    The result is {} for a backend that has the lock but no ready file: it is starting or ending.
    """
    with sole_instance(patience=0) as alone:
        if alone:
            paths.ready_file().unlink(missing_ok=True)
            return None
    try:
        return json.loads(paths.ready_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def serve(idle_minutes: float = IDLE_MINUTES) -> None:
    """Be the backend until told to stop, or idle for `idle_minutes` (0: never by itself).

    Raises UserError when another backend of this user is running.
    """
    with sole_instance() as alone:
        if not alone:
            raise UserError(_already_running())
        paths.ready_file().unlink(missing_ok=True)
        _have_output()
        files = Path(tempfile.mkdtemp(prefix="draggan-"))
        os.environ["GRADIO_TEMP_DIR"] = str(files)
        try:
            _serve(files, idle_minutes * 60)
        finally:
            paths.ready_file().unlink(missing_ok=True)
            shutil.rmtree(files, ignore_errors=True)


def _already_running() -> str:
    ready = running() or {}
    where = f" (process {ready['pid']}, {ready['url']})" if ready else ""
    return f"A backend is already running{where}; use it, or end it with: python -m backend stop"


def _serve(files: Path, idle_seconds: float) -> None:
    # Imported here: these take seconds, and the lock is asked for first.
    import uvicorn

    from backend.server import app
    from backend.server.jobs import Workshop

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    token = secrets.token_urlsafe(32)
    workshop = Workshop(files)

    def stop() -> None:
        server.should_exit = True
        workshop.stop_all()

    access = app.build(workshop, token, port, stop)
    config = uvicorn.Config(
        access, log_config=None, access_log=False, lifespan="on", ws="none", server_header=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    watcher = _Watcher(server, access, workshop, idle_seconds, {
        "url": f"http://127.0.0.1:{port}/", "pid": os.getpid(), "token": token, "protocol": PROTOCOL,
    })  # fmt: skip
    with _end_on_signals(stop):
        watcher.start()
        logger.info("Starting on port %d, files in %s, device %s", port, files, workshop.device)
        server.run(sockets=[listener])
    workshop.stop_all()
    _leave_within(LAST_WAIT)
    logger.info("Ended")


class _Watcher(threading.Thread):
    """Writes the ready file when the server answers; afterwards looks for idleness, once a second."""

    def __init__(
        self, server: Any, access: Any, workshop: Any, idle_seconds: float, ready: dict[str, Any]
    ) -> None:
        super().__init__(name="watcher", daemon=True)
        self.server, self.access, self.workshop = server, access, workshop
        self.idle_seconds, self.ready = idle_seconds, ready

    def run(self) -> None:
        try:
            while not self.server.started:
                time.sleep(0.02)
            write_ready_file(self.ready)
            logger.info("Ready at %s", self.ready["url"])
            while not self.server.should_exit:
                self._look()
                time.sleep(WATCH_EVERY)
        except Exception:
            logger.exception("The watcher failed; ending")
            self.server.should_exit = True

    def _look(self) -> None:
        alone, resting = self.access.seconds_alone, self.workshop.seconds_resting
        if resting > FREE_AFTER:
            self.workshop.free()
        if min(alone, resting) > SWEEP_AFTER:
            self.workshop.sweep()
        if self.idle_seconds and min(alone, resting) > self.idle_seconds:
            logger.info("Nobody asked for anything in %.0f minutes; ending", self.idle_seconds / 60)
            self.server.should_exit = True


def write_ready_file(content: dict[str, Any]) -> None:
    """Write the ready file in one go, for its owner's eyes only."""
    path = paths.ready_file()
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
    for attempt in range(50):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:  # Windows, while someone reads the old one
            if attempt == 49:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def _end_on_signals(stop: Any) -> Iterator[None]:
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
    """Programs started without a console on Windows have no stdout and stderr; libraries expect some."""
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
