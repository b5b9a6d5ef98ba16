"""The artist's side of another computer: what the plug-in has of it."""

from __future__ import annotations

import sys
from pathlib import Path

from backend.client import Backend, Installation
from backend.computers import Computers
from tests.ssh_server import CLONE, SshServer


class Artist:
    """The artist's computer, whose backend is on the other one."""

    def __init__(self, folder: Path, server: SshServer) -> None:
        self.home, self.server = folder / "home", server
        self.their_home = Path(server.variables["DRAGGAN_HOME"])
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        here = self.home / "backend.json", self.home / "logs" / "backend.log"
        arguments = ("-c", "raise SystemExit('nothing is to be computed here')")
        self.here = Installation(sys.executable, arguments, str(CLONE), *here, "test")
        self._backends: list[Backend] = []

    @property
    def installation(self) -> Installation:
        return self.here.on(Computers.read(self.home).chosen)

    def backend(self, computer: str | None = None) -> Backend:
        """As the plug-in has it."""
        installation = self.here.on(computer) if computer else self.installation
        self._backends.append(Backend(installation, self.downloads, start_seconds=120))
        return self._backends[-1]

    def close(self) -> None:
        for backend in self._backends:
            backend.close()
