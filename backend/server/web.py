"""The web server: a loopback socket of its own, and an end that does not wait for listening clients."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from backend.client.protocol import PROTOCOL
from backend.server import app
from backend.server.access import Access
from backend.server.catalogue import ModelCatalogue
from backend.server.jobs import JobRunner

GRACE = 2  # seconds that open connections get at the end


class Server(uvicorn.Server):
    """A web server on a free port of 127.0.0.1, for those who know its token.

    Args:
        runner: does the jobs.
        catalogue: knows the models.
        listener: what it listens at instead.
        at_once: jobs that the runner does side by side.
        tls: uvicorn's options for TLS.
    """

    def __init__(
        self,
        runner: JobRunner,
        catalogue: ModelCatalogue,
        listener: socket.socket | None = None,
        at_once: int = 1,
        tls: Mapping[str, Any] | None = None,
    ) -> None:
        self.runner, self.catalogue = runner, catalogue
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._token = secrets.token_urlsafe(32)
        built = app.build(runner, catalogue, self._token, self.port, self.stop_for_client, at_once)
        self.access, self._end_of_streams, self._uploads = built
        super().__init__(
            uvicorn.Config(
                self._guarded(self.access),
                log_config=None,  # its own writes to stdout, which a program without a console does not have
                access_log=False,
                lifespan="on",
                ws="none",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
                **(tls or {}),
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

    def stop_for_client(self) -> None:
        """End, because a client asks for it."""
        self.stop()

    def _guarded(self, access: Access) -> ASGIApp:
        """Return the application with what else is to be in front of it."""
        return access

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the jobs and the clients' heartbeats, which would otherwise stay open, then everything else."""
        self.runner.queue.cancel_all()
        self._end_of_streams.set()
        await super().shutdown(sockets)
