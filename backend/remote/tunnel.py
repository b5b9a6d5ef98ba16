"""On the artist's computer: lead to another computer's backend while GIMP runs, and again when the connection breaks.

To the plug-in it looks like a backend here: it is started like one, and writes a ready file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from backend import client_processes, computers, paths, ssh
from backend.client.launcher import CLIENT_PROCESSES
from backend.client.protocol import PROTOCOL
from backend.computers import Computers
from backend.errors import UserError
from backend.remote import forwarded_port
from backend.remote.forwarded_port import ForwardedPort
from backend.server import instance

LOOK_EVERY = 0.5  # seconds
RETRY_EVERY, RETRY_SECONDS = 2.0, 120.0  # after which a broken connection is given up, until the next drag
LARGEST_LOG = 1_000_000  # bytes


class TunnelRunningError(UserError):
    """Another process leads there."""


def keep_open(computer: str) -> int:
    """Lead to a computer's backend until nobody makes use of it, or it has ended.

    Args:
        computer: NAME@HOST.

    Raises:
        UserError: it cannot be reached, or not again.
    """
    python = Computers.read(paths.data_folder()).pythons.get(computers.checked(computer))
    if python is None:
        raise ssh.not_installed(computer)
    if not python:  # a studio's ready file stays, so it is only asked for when nothing answers
        raise UserError(f"The studio of {computer} does not answer; ask whoever looks after it.")
    place = instance.installation().on(computer)
    paths.make_private(place.ready_file.parent)
    try:
        with filelock.FileLock(place.ready_file.with_name("tunnel.lock"), timeout=0), _asked_to_end() as over:
            _keep_log_short(place.log_file)
            _Tunnel(computer, python, place.ready_file, over).run()
    except filelock.Timeout as error:
        raise TunnelRunningError(
            f"The connection to {computer} is broken; it is tried again until it can be reached."
        ) from error
    return 0


class _Tunnel:
    def __init__(self, computer: str, python: str, ready_file: Path, over: threading.Event) -> None:
        self._computer, self._python, self._ready_file, self._over = computer, python, ready_file, over
        self._was_used = False
        self._broken: float | None = None  # since when

    def run(self) -> None:
        """Lead there until the end. Raises UserError."""
        while self._wanted():
            try:
                port, forwarded = self._open()
            except UserError as error:
                if self._broken is None or time.monotonic() - self._broken > RETRY_SECONDS:
                    raise
                _tell(str(error))
                self._over.wait(RETRY_EVERY)
                continue
            _tell(f"{self._computer} is reached through port {port}")
            try:
                while forwarded.end is None and self._wanted():
                    self._over.wait(LOOK_EVERY)
            finally:
                self._ready_file.unlink(missing_ok=True)
                forwarded.close()
            if forwarded.end == 0:
                _tell(f"The backend on {self._computer} has ended")
                return
            self._broken = time.monotonic()
            _tell(f"The connection to {self._computer} has ended ({forwarded.last_words})")

    def _open(self) -> tuple[int, ForwardedPort]:
        """Connect, and tell clients where. Raises UserError."""
        remote = forwarded_port.start_backend(self._computer, self._python)
        port = _free_port()
        forwarded = ForwardedPort(self._computer, self._python, port, remote.port)
        forwarded.wait_until_open()
        ready = {"url": f"http://127.0.0.1:{port}/", "token": remote.ready.token, "pid": os.getpid()}
        names = {"protocol": PROTOCOL, "host": f"127.0.0.1:{remote.port}", "computer": self._computer}
        instance.write_ready_file({**ready, **names}, self._ready_file)
        return port, forwarded

    def _wanted(self) -> bool:
        """Whether GIMP runs; a GIMP that cannot be seen from here, as in Flatpak, is never seen to run."""
        used = client_processes.any_running(self._ready_file.with_name(CLIENT_PROCESSES))
        self._was_used = self._was_used or used
        return not self._over.is_set() and (used or not self._was_used)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """Yield what is set when the system or the user asks this process to end."""
    over = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: over.set())
    yield over


def _keep_log_short(log: Path) -> None:
    """Empty the log that this process' output goes to when it is long."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > LARGEST_LOG:
            os.truncate(log, 0)


def _tell(sentence: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), sentence, file=sys.stderr, flush=True)
