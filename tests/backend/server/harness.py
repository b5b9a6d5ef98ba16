"""A real backend process for the tests, and a client that treats it as the plug-in does."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from backend.client import Connection
from backend.client.connection import Ready, open_connection, prepare_environment
from backend.client.protocol import PROTOCOL, TOKEN_HEADER

prepare_environment()
from gradio_client import Client, handle_file  # noqa: E402
from gradio_client.client import Job  # noqa: E402

from tests.drafts import remember_drafts  # noqa: E402

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
PATIENCE = 120.0  # seconds, for anything that has to happen at all
WITHOUT_END = 10_000  # steps

DRAG = [{"handle": [40, 32], "target": [52, 32]}]
SHORT = {"inversion_steps": 4, "steps": 4}


def wait_until(happened: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Return the first true answer of `happened`; fail after `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        answer = happened()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited {patience:.0f} s in vain until {what}")


@dataclass
class Backend:
    """A backend of its own home folder; `program` is what its Python runs in the place of the backend itself."""

    home: Path
    program: tuple[str, ...] = ("-m", "backend")
    process: subprocess.Popen[bytes] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def ready_file(self) -> Path:
        return self.home / "backend.json"

    @property
    def addresses(self) -> Path:
        """What sitecustomize.py wrote down."""
        return self.home / "addresses.txt"

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(HERE / "watched"), str(ROOT)))
        places = {
            "DRAGGAN_HOME": str(self.home),
            "WATCHED_ADDRESSES": str(self.addresses),
            "PYTHONPATH": path,
        }
        return {**os.environ, **places, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}

    def start(self, *arguments: str) -> Backend:
        """Start the process and wait for its ready file."""
        self.home.mkdir(parents=True, exist_ok=True)
        remember_drafts(self.home)
        before = self.ready_file.read_text() if self.ready_file.exists() else None
        process = self.process = subprocess.Popen(
            [sys.executable, *self.program, "serve", *arguments],
            cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip

        def appeared() -> bool:
            assert process.poll() is None, f"the backend ended early:\n{self.log()}"
            return self.ready_file.exists() and self.ready_file.read_text() != before

        wait_until(appeared, "the ready file appeared")
        self.ready = json.loads(self.ready_file.read_text())
        return self

    def files_of_jobs(self) -> list[Path]:
        """What clients have sent, and what is kept for them."""
        return [file for file in (self.home / "work").rglob("*") if file.is_file()]

    def uploads(self) -> list[Path]:
        """What clients have sent, and is still there."""
        return [file for file in self.files_of_jobs() if "results" not in file.parts]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m backend` with the same home folder."""
        return subprocess.run(
            [sys.executable, *self.program, *arguments],
            cwd=self.home, env=self.environment, capture_output=True, encoding="utf-8",
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    def end(self) -> int:
        """Ask the process to end, if it has not; its exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(30)

    def log(self) -> str:
        path = self.home / "logs" / "backend.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def client(self) -> Client:
        return Client(
            self.ready["url"],
            headers={TOKEN_HEADER: self.ready["token"]},
            download_files=str(self.home / "downloads"),
            verbose=False,
            analytics_enabled=False,
        )

    def connection(self, downloads: Path) -> Connection:
        """A connection as the plug-in has it."""
        ready = Ready.parse(self.ready_file.read_text(encoding="utf-8"))
        return open_connection(ready, downloads, self.home / "logs" / "backend.log", PATIENCE)

    def health(self) -> dict[str, Any]:
        """As `python -m backend status` asks for it."""
        status, body = self.request("POST", "/gradio_api/run/health", b'{"data": []}')
        assert status == 200, body
        return json.loads(body)["data"][0]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> tuple[int, bytes]:
        """One HTTP request with the right token and `headers` (None leaves one out); status and body."""
        port = int(self.ready["url"].rstrip("/").rpartition(":")[2])
        own = {"Content-Type": "application/json", TOKEN_HEADER: self.ready["token"]}
        wanted = {name: value for name, value in {**own, **(headers or {})}.items() if value is not None}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, wanted)
            response = connection.getresponse()
            return response.status, response.read()

    def queue_length(self) -> int:
        """How many jobs wait for their turn."""
        return json.loads(self.request("GET", "/gradio_api/queue/status")[1])["queue_size"]

    def wait_idle(self, patience: float = PATIENCE) -> float:
        """Wait until no job is at work; how many seconds that took."""
        started = time.monotonic()
        wait_until(lambda: not self.health()["busy"], "the backend's job had ended", patience)
        return time.monotonic() - started


def raw(backend: Backend, request: bytes) -> socket.socket:
    """A connection with a request on it, which nobody reads the answer of."""
    port = int(backend.ready["url"].rstrip("/").rpartition(":")[2])
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    head, separator, body = request.partition(b"\r\n\r\n")
    own = f"\r\nHost: 127.0.0.1:{port}\r\n{TOKEN_HEADER}: {backend.ready['token']}"
    connection.sendall(head + own.encode() + separator + body)
    return connection


def join(backend: Backend, session: str, drags: Any, options: dict[str, Any]) -> None:
    """Send a drag job on a plain picture as a script does that reads its updates, or does not."""
    config = json.loads(backend.request("GET", "/config")[1])
    drag = next(one["id"] for one in config["dependencies"] if one["api_name"] == "drag")
    data = [_upload(backend), None, drags, options, None, PROTOCOL, None]
    job = {"data": data, "session_hash": session, "fn_index": drag}
    assert backend.request("POST", "/gradio_api/queue/join", json.dumps(job).encode())[0] == 200


def _upload(backend: Backend) -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", (80, 64)).save(file, "PNG")
    head = b'--e\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=e"}
    body = head + file.getvalue() + b"\r\n--e--\r\n"
    (path,) = json.loads(backend.request("POST", "/gradio_api/upload", body, headers)[1])
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def submit(
    client: Client,
    image: Path,
    options: dict[str, Any] | None = None,
    drags: Any = None,
    mask: Path | None = None,
    edit: Path | None = None,
    protocol: Any = 3,
    original: Path | None = None,
) -> Job:
    """Send a drag job."""
    return client.submit(
        handle_file(image), mask and handle_file(mask), DRAG if drags is None else drags,
        SHORT if options is None else options, edit and handle_file(edit), protocol,
        original and handle_file(original), api_name="/drag",
    )  # fmt: skip


def updates(job: Job) -> Iterator[tuple[Any, ...]]:
    """The job's outputs as they come; raises the job's exception. Ends too when the server is gone."""
    seen = 0
    while True:
        over, outputs = job.done(), job.outputs()  # in this order
        yield from outputs[seen:]
        seen = len(outputs)
        if over:
            break
        time.sleep(0.01)
    error = job.exception()
    if error is not None:
        raise error


def until_phase(job: Job, phase: str) -> dict[str, Any]:
    """Wait for the first update of `phase`."""
    for output in updates(job):
        if output[0]["phase"] == phase:
            return output[0]
    raise AssertionError(f"the job ended before its phase {phase!r}")


CLIENT_PROGRAM = """
import json, sys
from pathlib import Path
from tests.backend.server.harness import Backend, submit, updates
home, image, options = sys.argv[1:]
backend = Backend(Path(home))
backend.ready = json.loads(backend.ready_file.read_text())
for output in updates(submit(backend.client(), Path(image), json.loads(options))):
    print(output[0]["phase"], flush=True)
"""


def client_process(backend: Backend, image: Path, options: dict[str, Any]) -> subprocess.Popen[str]:
    """A client in a process of its own, which prints the phase of each update; to be killed."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", CLIENT_PROGRAM, str(backend.home), str(image), json.dumps(options)],
        cwd=ROOT, env=backend.environment, stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


def read_until(client: subprocess.Popen[str], phase: str) -> None:
    """Read the client's output up to the first line `phase`."""
    assert client.stdout
    for line in client.stdout:
        if line.strip() == phase:
            return
    raise AssertionError(f"the client ended before the phase {phase!r}")
