"""One connection to another computer's backend: two programs of ssh, one that asks for it and one that leads to it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass

from backend import ssh
from backend.client.connection import NotRunningError, Ready
from backend.client.protocol import PROTOCOL
from backend.errors import UserError
from backend.remote.host import ALIVE

START_SECONDS = 240.0  # for a backend to start on a computer that has long not done it
OPEN_SECONDS = 60.0
END_SECONDS = 3.0


class ForwardedPort:
    """The program on the other computer that has its backend stay, and with it the forwarded port.

    Args:
        computer: NAME@HOST.
        python: the backend's, there.
        local, remote: port of this computer, and of the other.
    """

    def __init__(self, computer: str, python: str, local: int, remote: int) -> None:
        self._computer, self._said = computer, deque[str](maxlen=20)
        self._alive = threading.Event()
        forward = f"127.0.0.1:{local}:127.0.0.1:{remote}"
        self._process = ssh.start(
            computer, ssh.backend_command(python, "keep-alive"), forward=forward, stderr=subprocess.STDOUT
        )
        threading.Thread(target=self._read, daemon=True).start()

    def wait_until_open(self) -> None:
        """Wait until the port leads there: ssh starts the program when it does. Raises UserError."""
        deadline = time.monotonic() + OPEN_SECONDS
        while not self._alive.wait(0.05):
            code = self._process.poll()
            if code is not None and not self._alive.is_set():
                raise ssh.failure(self._computer, code, self._said)
            if time.monotonic() > deadline:
                self.close()
                raise UserError(f"{self._computer} did not answer for {OPEN_SECONDS:.0f} seconds; try again.")

    @property
    def end(self) -> int | None:
        """The exit code: 0 where the backend has ended, another where the connection broke; None while it lasts."""
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """What was said at last."""
        return self._said[-1] if self._said else "nothing"

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # the program over there ends, and then ssh
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            words = line.decode("utf-8", "replace").strip()
            if words == ALIVE:
                self._alive.set()
            elif words and words != ".":
                self._said.append(words)


@dataclass(frozen=True)
class RemoteBackend:
    """What another computer's backend says of itself."""

    ready: Ready
    port: int


def start_backend(computer: str, python: str) -> RemoteBackend:
    """Have the backend of another computer started, if it does not run, and ask how it is reached. Raises UserError."""
    process = ssh.start(
        computer, ssh.backend_command(python, "start"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        answer, errors = process.communicate(timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise UserError(
            f"The backend on {computer} was not ready after {START_SECONDS:.0f} seconds; try again."
        ) from None
    if process.returncode:
        raise ssh.failure(computer, process.returncode, errors.decode("utf-8", "replace").splitlines())
    return _understood(computer, answer.decode("utf-8", "replace"))


def _understood(computer: str, answer: str) -> RemoteBackend:
    lines = [line for line in answer.splitlines() if line.startswith("{")]  # a shell's greeting may come before
    try:
        content = json.loads(lines[-1])
        if content["protocol"] == PROTOCOL:
            ready = Ready.parse(lines[-1])
            return RemoteBackend(ready, int(ready.url.rstrip("/").rpartition(":")[2]))
    except (ValueError, LookupError, TypeError, NotRunningError):
        pass
    raise UserError(f"DragGAN on {computer} is of another version; update it with python3 install.py --on {computer}.")
