"""The web server: a loopback socket of its own, and an end that does not wait for listening clients."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from backend.client.protocol import PROTOCOL
from backend.server import app
from backend.server.catalogue import ModelCatalogue
from backend.server.jobs import JobRunner
from backend.studio.artists import Door
from backend.studio.catalogue import StudioCatalogue

GRACE = 2  # seconds that open connections get at the end


@dataclass(frozen=True)
class Front:
    """Where a studio listens, with which certificate, and to whom: names of artists by the hashes of their tokens."""

    listener: socket.socket
    certificate: Path
    key: Path
    artists: dict[str, str]


class Server(uvicorn.Server):
    """A web server on a free port of 127.0.0.1, for those who know its token.

    Args:
        runner: does the jobs.
        at_once: jobs that it does side by side.
        front: of a studio, which listens to other computers.
    """

    def __init__(self, runner: JobRunner, at_once: int = 1, front: Front | None = None) -> None:
        self.runner, self.catalogue = runner, StudioCatalogue() if front else ModelCatalogue()
        self._listener = front.listener if front else socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._token = secrets.token_urlsafe(32)
        stop = (lambda: None) if front else self.stop  # no artist ends the studio of all
        built = app.build(runner, self.catalogue, self._token, self.port, stop, at_once)
        self.access, self._end_of_streams, self._uploads = built
        door = Door(self.access, self._token, f"127.0.0.1:{self.port}", front.artists) if front else self.access
        super().__init__(
            uvicorn.Config(
                door,
                ssl_certfile=front and front.certificate,
                ssl_keyfile=front and front.key,
                log_config=None,  # its own writes to stdout, which a program without a console does not have
                access_log=False,
                lifespan="on",
                ws="none",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )

    @property
    def ready(self) -> dict[str, Any]:
        """The content of the ready file."""
        url = f"http://127.0.0.1:{self.port}/"
        return {"url": url, "pid": os.getpid(), "token": self._token, "protocol": PROTOCOL}

    def serve_until_stopped(self) -> None:
        """Answer requests. Raises RuntimeError when the server cannot start."""
        try:
            self.run(sockets=[self._listener])
        finally:
            self._listener.close()
        if not self.started:
            raise RuntimeError("the web server did not start")

    def tidy(self) -> None:
        """Delete the files of jobs that nobody needs any more."""
        self.runner.files.tidy()
        self._uploads.tidy(self.access.seconds_alone)

    def stop(self) -> None:
        """End, from any thread."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the jobs and the clients' heartbeats, which would otherwise stay open, then everything else."""
        self.runner.queue.cancel_all()
        self._end_of_streams.set()
        await super().shutdown(sockets)
