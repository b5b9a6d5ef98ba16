"""Find the backend, start it when it is not running, and connect to it."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from backend.client.connection import QUESTION_SECONDS, Connection, NotRunningError, Ready, open_connection
from backend.client.protocol import Flag
from backend.computers import HERE, Computers
from backend.errors import Cancelled, UserError

START_SECONDS = 180.0
UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h: ended, and has printed the reason
ALREADY_RUNNING = 2  # the backend's exit code when another one is starting, whose ready file is still to come
OTHER_START_SECONDS = 60.0
SILENCE_SECONDS = 60.0  # the server says something every 15 s even when a job is silent

TUNNEL = ("-u", "-m", "backend.remote", "tunnel")
FOLDER, LOG, LOG_HERE = "remote", "remote.log", "backend.log"
CLIENT_PROCESSES = "client-processes"  # a folder with a file for each process that uses a backend, named by its id

log = logging.getLogger("draggan.client")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Installation:
    """How the backend of this user is started, and where it tells of itself.

    Args:
        python: the Python that it runs with.
        arguments: for this Python; the last one is the command.
        directory: where it is started.
        ready_file: what a running backend has written down, with the token.
        log_file: its log, which also gets what it prints.
        version: of the backend.
        computer: NAME@HOST of the other computer on which it runs, or HERE.
    """

    python: str
    arguments: tuple[str, ...]
    directory: str
    ready_file: Path
    log_file: Path
    version: str
    computer: str = HERE

    @property
    def data(self) -> Path:
        """The data folder of this computer's backend."""
        return self.ready_file.parents[2] if self.computer else self.ready_file.parent

    def on(self, computer: str) -> Installation:
        """Return the same of the backend on another computer, NAME@HOST, or HERE."""
        folder = self.data / FOLDER / computer if computer else self.data
        log_file = self.log_file.with_name(LOG if computer else LOG_HERE)
        return replace(self, ready_file=folder / self.ready_file.name, log_file=log_file, computer=computer)

    def register_client(self) -> None:
        """Keep another computer's backend in reach for as long as the program runs that started this process."""
        if not Computers.read(self.data).pythons.get(self.computer):
            return
        folder = self.ready_file.with_name(CLIENT_PROCESSES)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / str(os.getppid())).touch()
        except OSError as error:  # then it stays in reach until it is idle
            log.info("register: %r", error)

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of its Python that start it, or lead to it."""
        return (*TUNNEL, self.computer) if self.computer else self.arguments

    def environment(self) -> Mapping[str, str]:
        """The environment variables that the backend gets."""
        return os.environ

    def start(self) -> subprocess.Popen[bytes]:
        """Start the backend so that it outlives this process, its output at the end of its log file.

        Raises:
            UserError: it cannot be started.
        """
        try:
            self.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self.log_file, "ab") as output:
                process = self.spawn(self.command, output)
        except OSError as error:
            log.error("start: %r", error)
            raise UserError(f"The backend could not be started ({error}); run install.py again.") from error
        log.info("started the backend, process %d", process.pid)
        return process

    def run(self, command: str) -> subprocess.Popen[bytes]:
        """Start another command of the backend's program, such as "doctor"; its output can be read. Raises UserError.

        The output is UTF-8, errors included.
        """
        try:
            return self.spawn(("-X", "utf8", *self.arguments[:-1], command), subprocess.PIPE)
        except OSError as error:
            raise UserError(f"The backend could not be started ({error}); run install.py again.") from error

    def spawn(self, arguments: Sequence[str], output: Any) -> subprocess.Popen[bytes]:
        """Start its Python with these arguments, output to a file or pipe. Raises OSError, UserError."""
        return start_detached([self.python, *arguments], self.directory, self.environment(), output)

    def start_failure(self, code: int) -> UserError:
        """What to say of a backend that ended with this exit code before it answered."""
        try:
            lines = [line.strip() for line in self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()]
        except OSError:
            lines = []
        last = next((line for line in reversed(lines) if line), "nothing")
        if code == UNAVAILABLE:
            return UserError(last)
        return UserError(
            f"The backend ended while it was starting (exit code {code}, last words: {last[:200]}); "
            "run install.py again.",
            self.log_file,
        )


class Backend:
    """The one backend of this user. Threads may use it together; `connect` lets one after the other in.

    Args:
        installation: how it is started and found.
        downloads: a folder for the files that it sends; the caller deletes it.
        start_seconds: how long it may take to start.
        silence_seconds: how long it may say nothing before it counts as hung.
    """

    def __init__(
        self,
        installation: Installation,
        downloads: Path,
        start_seconds: float = START_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.installation = installation
        self._downloads = downloads
        self._start_seconds = start_seconds
        self._silence_seconds = silence_seconds
        self._lock = threading.Lock()
        self._failure: tuple[float, UserError] | None = None  # when, and how
        self._connection: Connection | None = None

    def connect(
        self, cancelled: Flag = lambda: False, tell: Callable[[str], None] = lambda message: None
    ) -> Connection:
        """Connect to the running backend, or start one and wait until it answers.

        There is one connection at a time, which is returned again for as long as it is answered. Whoever has waited
        here while another thread's attempt failed gets that failure instead of an attempt of its own.

        Args:
            cancelled: whether to give up.
            tell: is told that the backend has to be started.

        Raises:
            UserError: it cannot be started, does not answer or is of another version.
            Cancelled: `cancelled` was true.
        """
        asked = time.monotonic()
        while not self._lock.acquire(timeout=0.1):
            if cancelled():
                raise Cancelled
        try:
            if self._failure and self._failure[0] > asked:
                raise self._failure[1]
            self._connection = self._still_answered() or self._connect(cancelled, tell)
            return self._connection
        except UserError as error:
            self._failure = time.monotonic(), error
            raise
        finally:
            self._lock.release()

    def running(self) -> Connection | None:
        """Connect to the backend if one runs already and answers, else return None; starts nothing."""
        try:
            with self._lock:
                self._connection = self._still_answered() or self._open(self._ready_text())
                return self._connection
        except (NotRunningError, UserError):
            return None

    def answer(self, question: Callable[[Connection], Answer]) -> Answer | None:
        """Ask the backend, which may have to be started, what a dialog can do without.

        Returns:
            What `question` returns, None when there is no backend: the artist is told why when a job meets it.
        """
        try:
            return question(self.connect())
        except UserError as error:
            log.info("nobody to ask: %s", error)
            return None

    def prepare(self) -> None:
        """Connect already, while there is something else to do; whoever connects afterwards meets the failure."""
        self.answer(lambda connection: connection)

    def use(self, installation: Installation) -> None:
        """Take another backend from now on."""
        self.close()
        self.installation = installation

    def close(self) -> None:
        """End the connection, if there is one; the backend goes on running."""
        with self._lock:
            if self._connection:
                self._connection.close()
            self._connection = None

    def _still_answered(self) -> Connection | None:
        """The connection there is, with the backend's state at this moment; None when it is lost."""
        connection, self._connection = self._connection, None
        if connection is None:
            return None
        try:
            return connection._replace(health=connection.client.submit(api_name="/health").result(QUESTION_SECONDS))
        except futures.TimeoutError:  # it hangs; whoever uses the connection is told so
            return connection
        except Exception as error:  # whatever a client says of a server that is gone
            log.info("the connection is lost: %r", error)
            connection.close()
            return None

    def _connect(self, cancelled: Flag, tell: Callable[[str], None]) -> Connection:
        stale = self._ready_text()
        try:
            return self._open(stale)
        except NotRunningError as error:
            log.info("no running backend: %s", error)
        tell("Starting the backend...")
        return self._wait(self.installation.start(), stale, cancelled)

    def _ready_text(self) -> str:
        """The content of the ready file, "" without one. Raises UserError where others could have written it."""
        file = self.installation.ready_file
        try:
            text = file.read_text(encoding="utf-8")
            state, writable_by_others = file.lstat(), sys.platform != "win32" and file.parent.stat().st_mode & 0o022
        except OSError:
            return ""
        if sys.platform != "win32" and (stat.S_ISLNK(state.st_mode) or state.st_uid != os.getuid()):
            raise UserError(
                f"{file}, where the backend says how it is reached, is not its own file; delete it and run the filter "
                "again."
            )
        if writable_by_others:
            raise UserError(
                f"Other users can write to {file.parent}, where the backend says how it is reached; "
                f'take that right from them with "chmod go-w" and try again.'
            )
        return text

    def _open(self, ready_text: str) -> Connection:
        ready = Ready.parse(ready_text)
        return open_connection(ready, self._downloads, self.installation.log_file, self._silence_seconds)

    def _wait(self, process: subprocess.Popen[bytes], stale: str, cancelled: Flag) -> Connection:
        """Wait until the started backend (or one that somebody else started meanwhile) answers."""
        deadline = time.monotonic() + self._start_seconds
        ended = None
        while time.monotonic() < deadline:
            if cancelled():
                raise Cancelled
            text = self._ready_text()
            if text != stale:
                try:
                    return self._open(text)
                except NotRunningError as error:
                    log.info("not ready: %s", error)
            if process.poll() is not None:
                ended = ended or time.monotonic()
                patience = OTHER_START_SECONDS if process.returncode == ALREADY_RUNNING else 0.0
                if time.monotonic() - ended >= patience:
                    raise self.installation.start_failure(process.returncode)
            time.sleep(0.1)
        raise UserError(
            f"The backend was not ready after {self._start_seconds:.0f} seconds; try again.",
            self.installation.log_file,
        )


def start_detached(
    command: Sequence[str], directory: str, environment: Mapping[str, str], output: Any
) -> subprocess.Popen[bytes]:
    """Start a program that outlives this one, its output in the file `output`, or a pipe."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        command,
        env=environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=sys.platform != "win32",
        creationflags=flags,
    )
