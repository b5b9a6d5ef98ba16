"""Find the backend, start it when it is not running, and connect to it. Knows nothing of GIMP."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from core.installation import Installation
from core.problems import Cancelled, Fault, Problem

PROTOCOL = 2
TOKEN_HEADER = "X-DragGAN-Token"
START_SECONDS = 180.0
REFUSED = 2  # the backend's exit code when another one is starting, whose ready file is still to come
OTHER_START_SECONDS = 60.0
DYING_SECONDS = 3.0  # a killed process closes its connections one after the other, its port perhaps last
ASIDE_SECONDS = 10.0  # for answers that a drag can do without
PIECE = 1 << 20  # bytes of a file at a time
FRESH_SECONDS = 2.0  # what was prepared is not looked at again: a backend seldom ends in so short a time
SILENCE_SECONDS = 60.0  # the server says something every 15 s even when a job is silent
OTHER_VERSION = "This plug-in and its backend are of different versions; update both by running install.py."


# Without these gradio_client asks huggingface.co, sends a saved Hugging Face token along, and follows
# HTTP_PROXY even to this machine (measured); they must be set before it is imported.
CLIENT_VARIABLES = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}

log = logging.getLogger("draggan.service")
Tell = Callable[[str], None]
Asked = Callable[[], bool]
Answer = TypeVar("Answer")


class _NotThereError(Exception):
    """The ready file names a backend that does not exist any more."""


class Connection(NamedTuple):
    """A backend that answered: its process, the gradio_client.Client, and what it said about itself.

    downloads: a folder for the files that it sends.
    """

    pid: int
    client: Any
    health: Mapping[str, Any]
    downloads: Path

    @property
    def models(self) -> list[str]:
        """Names of the models that the backend offers."""
        return [str(model["name"]) for model in self.health.get("models", [])]

    def region(
        self, size: tuple[int, int], selected: tuple[int, int, int, int] | None, options: Mapping[str, object]
    ) -> tuple[int, int, int, int] | None:
        """The part (x, y, width, height) of a layer of `size` (width, height) that the model would see.

        selected: the box around what is selected. None where the backend cannot tell.
        """
        try:
            question = list(size), selected and list(selected), dict(options)
            box = self.client.submit(*question, api_name="/region").result(ASIDE_SECONDS)["region"]
            return box and (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
        except Exception as error:  # only a frame on a preview depends on it
            log.info("region: %r", error)
            return None

    def fetch(self, file: Mapping[str, Any]) -> Path:
        """Copy a file of an answer, a gradio FileData, into the folder. Raises httpx.HTTPError, OSError, KeyError.

        gradio_client itself would fetch all files of the last answer twice, in pieces of 8 KB (measured).
        """
        import httpx

        target = self.downloads / f"received {Path(file['path']).name}"
        request = httpx.stream("GET", file["url"], headers=self.client.headers, **self.client.httpx_kwargs)
        with request as response, open(target, "wb") as out:
            response.raise_for_status()
            for piece in response.iter_bytes(PIECE):
                out.write(piece)
        return target

    def keep(self) -> None:
        """Ask that the drag of this connection ends where it is, with its result."""
        try:
            self.client.submit(api_name="/keep").result(ASIDE_SECONDS)
        except Exception as error:  # then the drag goes on to its end, or the job's own failure says why not
            log.info("keep: %r", error)

    def is_open(self) -> bool:
        """Whether its port still takes connections and keeps them, as that of a hung process does.

        That of a dead process takes none; that of a dying one may still take one, which soon ends.
        """
        address = urllib.parse.urlsplit(self.client.src)
        try:
            with socket.create_connection((address.hostname, address.port), timeout=2) as connection:
                connection.settimeout(DYING_SECONDS)
                return bool(connection.recv(1))
        except TimeoutError:  # of the connection as of the silence after it
            return True
        except OSError:
            return False


def prepare_environment() -> None:
    """Keep gradio_client on this machine; call it before anything imports gradio_client."""
    os.environ.update(CLIENT_VARIABLES)


class Backend:
    """The one backend of this user. Threads may call `connect` together; they wait for each other."""

    def __init__(
        self,
        installation: Installation,
        downloads: Path,
        start_seconds: float = START_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """`downloads` is a folder for the files that the backend sends; the caller deletes it."""
        self.installation = installation
        self._downloads = downloads
        self._start_seconds = start_seconds
        self._silence_seconds = silence_seconds
        self._lock = threading.Lock()
        self._failed: tuple[float, Problem] | None = None  # when, and how
        self._prepared: tuple[float, Connection] | None = None  # when, and what

    def connect(self, cancelled: Asked = lambda: False, tell: Tell = lambda message: None) -> Connection:
        """Connect to the running backend, or start one and wait until it answers.

        Who has waited while another attempt failed is not made to wait for the next one to fail.
        Raises Problem when it cannot be started, does not answer or is of another version; Cancelled.
        """
        asked = time.monotonic()
        while not self._lock.acquire(timeout=0.1):
            if cancelled():
                raise Cancelled
        try:
            if self._failed and self._failed[0] > asked:
                raise self._failed[1]
            prepared, self._prepared = self._prepared, None
            if prepared and time.monotonic() - prepared[0] < FRESH_SECONDS:
                return prepared[1]
            return self._connect(cancelled, tell)
        except Problem as problem:
            self._failed = time.monotonic(), problem
            raise
        finally:
            self._lock.release()

    def _connect(self, cancelled: Asked, tell: Tell) -> Connection:
        stale = self._ready_text()
        try:
            return self._open(stale)
        except _NotThereError as error:
            log.info("no running backend: %s", error)
        tell("Starting the backend...")
        return self._wait(self.installation.start(), stale, cancelled)

    def running(self) -> Connection | None:
        """The backend if one runs already and answers, else None; starts nothing."""
        try:
            with self._lock:
                return self._open(self._ready_text())
        except (_NotThereError, Problem):
            return None

    def answer(self, question: Callable[[Connection], Answer]) -> Answer | None:
        """What the backend, which may have to be started, answers to a question that a dialog can do without.

        None when there is no backend: the artist is told why when a job meets it.
        """
        try:
            return question(self.connect())
        except Problem as problem:
            log.info("nobody to ask: %s", problem)
            return None

    def prepare(self) -> None:
        """Connect for the one who will do so in a moment: to be called while there is something else to do."""
        connection = self.answer(lambda connection: connection)
        self._prepared = (time.monotonic(), connection) if connection else None

    def _ready_text(self) -> str:
        try:
            return self.installation.ready_file.read_text(encoding="utf-8")
        except OSError:
            return ""

    def _open(self, ready_text: str) -> Connection:
        if not ready_text:
            raise _NotThereError("no ready file")
        try:
            ready = json.loads(ready_text)
            url, token, protocol, pid = (
                str(ready["url"]),
                str(ready["token"]),
                ready["protocol"],
                ready["pid"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise _NotThereError(f"damaged ready file: {error!r}") from error
        if protocol != PROTOCOL:
            raise Fault(OTHER_VERSION)
        client, health = self._greet(url, token, pid)
        if health.get("protocol") != PROTOCOL:
            raise Fault(OTHER_VERSION)
        return Connection(pid, client, health, self._downloads)

    def _greet(self, url: str, token: str, pid: int) -> tuple[Any, Mapping[str, Any]]:
        prepare_environment()
        import httpx
        from gradio_client import Client

        try:
            client = Client(
                url,
                headers={TOKEN_HEADER: token},
                httpx_kwargs={"timeout": self._silence_seconds, "trust_env": False},
                download_files=False,
                analytics_enabled=False,
                verbose=False,
            )
            # httpx alone would wait for ever: the server's signs of life count as an answer (measured)
            health = client.submit(api_name="/health").result(self._silence_seconds)
        except (httpx.TimeoutException, futures.TimeoutError) as error:
            raise Fault(
                f"The backend has not answered for {self._silence_seconds:.0f} seconds; end its process, {pid}, "
                "and run the filter again.",
                self.installation.log_file,
            ) from error
        except Exception as error:
            # refused, reset, 401 of another program on that port, not JSON: it is not our backend
            raise _NotThereError(f"{url}: {error!r}") from error
        if not isinstance(health, Mapping):
            raise _NotThereError(f"{url} answered {health!r}")
        return client, health

    def _wait(self, process: subprocess.Popen[bytes], stale: str, cancelled: Asked) -> Connection:
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
                except _NotThereError as error:
                    log.info("not ready: %s", error)
            if process.poll() is not None:
                ended = ended or time.monotonic()
                patience = OTHER_START_SECONDS if process.returncode == REFUSED else 0.0
                if time.monotonic() - ended >= patience:
                    raise self.installation.early_death(process.returncode)
            time.sleep(0.1)
        raise Fault(
            f"The backend was not ready after {self._start_seconds:.0f} seconds; run the filter again.",
            self.installation.log_file,
        )
