"""A connection that breaks: a proxy that cuts it where some bytes come along."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import urllib.parse
from types import TracebackType
from typing import Any


class Cut:
    """Passes everything on to a backend, under another port, until `at` comes from it for the first time.

    Args:
        url: of the backend.
        at: the bytes that end the connection on which they come.
    """

    def __init__(self, url: str, at: bytes) -> None:
        self.cuts = 0
        self._target = urllib.parse.urlsplit(url)
        self._at = at
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer._pass_on(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address = True, True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Cut:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _pass_on(self, near: socket.socket) -> None:
        host, port = self._target.hostname, self._target.port
        with socket.create_connection((str(host), int(port or 0))) as far:
            threading.Thread(target=self._requests, args=(near, far), daemon=True).start()
            with contextlib.suppress(OSError):
                while data := far.recv(1 << 16):
                    if self.cuts == 0 and self._at in data:
                        self.cuts += 1
                        return
                    near.sendall(data)

    def _requests(self, near: socket.socket, far: socket.socket) -> Any:
        """The requests go to the backend under its own port, which it insists on."""
        mine, its = self.url.split("/")[2].encode(), self._target.netloc.encode()
        with contextlib.suppress(OSError):
            while data := near.recv(1 << 16):
                far.sendall(data.replace(b"Host: " + mine, b"Host: " + its).replace(b"host: " + mine, b"host: " + its))
            far.shutdown(socket.SHUT_WR)
