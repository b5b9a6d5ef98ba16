"""The studio's web server: the ordinary one for many artists, over TLS."""

from __future__ import annotations

from starlette.types import ASGIApp

from backend.server.access import Access
from backend.server.jobs import JobRunner
from backend.server.web import Server
from backend.studio.artists import ArtistAccess
from backend.studio.catalogue import StudioCatalogue
from backend.studio.endpoint import StudioEndpoint


class StudioServer(Server):
    """A web server that other computers reach.

    Args:
        runner: has replicas do the jobs.
        at_once: jobs that they do side by side.
        endpoint: where it listens, and to whom.
    """

    def __init__(self, runner: JobRunner, at_once: int, endpoint: StudioEndpoint) -> None:
        self._artists = endpoint.artists
        tls = {"ssl_certfile": endpoint.certificate, "ssl_keyfile": endpoint.key}
        super().__init__(runner, StudioCatalogue(), endpoint.listener, at_once, tls)

    def stop_for_client(self) -> None:
        """Go on: no artist ends the studio of all."""

    def _guarded(self, access: Access) -> ASGIApp:
        return ArtistAccess(access, self._token, f"127.0.0.1:{self.port}", self._artists)
