"""A web server on loopback with one file, which misbehaves as it is told to."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[["Handler"], None]


class FileServer(ThreadingHTTPServer):
    """Answers each request as the next of `answers` says, and well when there is none left.

    Attributes:
        content: of the file; `etag` changes with it in real servers.
        answers: what happens to the next requests.
        ranges: what the requests asked for, None for the whole file.
        bytes_per_second: how fast it sends; None is at once.
    """

    daemon_threads = True

    def __init__(self, content: bytes, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.content, self.etag = content, '"first"'
        self.answers: list[Answer] = []
        self.ranges: list[str | None] = []
        self.bytes_per_second: float | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/model.pkl"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error here."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: FileServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        answer = self.server.answers.pop(0) if self.server.answers else well
        answer(self)

    def head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, content: bytes) -> None:
        if self.server.bytes_per_second is None:
            self.wfile.write(content)
            return
        piece = max(int(self.server.bytes_per_second / 50), 1)
        for start in range(0, len(content), piece):
            self.wfile.write(content[start : start + piece])
            time.sleep(0.02)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def well(handler: Handler, most: int | None = None) -> None:
    """The file, or the part that is asked for, if it is still the same; the connection ends after `most` bytes."""
    content, etag = handler.server.content, handler.server.etag
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if asked and handler.headers.get("If-Range") == etag:
        start = int(asked[1])
        content_range = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.head(206, len(content) - start, ETag=etag, Content_Range=content_range)
    else:
        start = 0
        handler.head(200, len(content), ETag=etag)
    handler.send(content[start:][:most])
    if most is not None:
        handler.close_connection = True


def breaks_after(most: int) -> Answer:
    """The connection breaks after so many bytes."""
    return lambda handler: well(handler, most)


def stalls_after(most: int, seconds: float) -> Answer:
    """Nothing comes for a time after so many bytes."""

    def answer(handler: Handler) -> None:
        well(handler, most)
        handler.wfile.flush()
        time.sleep(seconds)

    return answer


def ignores_range(handler: Handler) -> None:
    """The whole file, whatever was asked for."""
    handler.head(200, len(handler.server.content), ETag=handler.server.etag)
    handler.send(handler.server.content)


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Another answer than the file."""
    return lambda handler: (handler.head(status, len(body), **headers), handler.wfile.write(body))[0]


@contextlib.contextmanager
def serving(content: bytes, certificate: Path | None = None) -> Iterator[FileServer]:
    """Run a server; with a certificate, a PEM file with its key, over https."""
    server = FileServer(content, certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
