"""The backend as the settings show it: whether it runs and what it uses; started, ended, cleared. Nothing of GIMP."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from backend.client import Backend, Installation, resources
from backend.client.catalogue import in_megabytes
from backend.client.protocol import Flag
from backend.client.resources import Resources
from backend.computers import HERE, Computers
from backend.errors import UserError
from core.i18n import _, ngettext, translated
from core.watch import Watch

END_SECONDS = 20.0  # that the backend gets to end: it may be in a long step

log = logging.getLogger("draggan.settings")
Command = Callable[[Backend, Flag], None]


class Seen(NamedTuple):
    """What is known of the backend.

    Args:
        health: what it says of itself; None when it does not run.
        used: of this computer; None when it does not run.
        problem: one sentence on why the last command was refused; "" where all is well.
    """

    health: Mapping[str, Any] | None = None
    used: Resources | None = None
    problem: str = ""


class BackendWatch(Watch[Command, Seen]):
    """Looks again and again, which starts nothing."""

    def __init__(self, backend: Backend, seen: Callable[[Seen], None]) -> None:
        super().__init__(seen)
        self._backend = backend
        self._refusal = ""
        self._ran: bool | None = None
        self.start()

    def _answer(self, command: Command | None) -> Seen:
        try:
            if command:
                self._refusal = ""
                command(self._backend, self._closed.is_set)
            connection = self._backend.running()
            self._log(runs=connection is not None)
            if connection is None:
                return Seen(problem=self._refusal)
            return Seen(connection.health, resources.look(connection), self._refusal)
        except UserError as error:
            log.info("%s", error)
            self._refusal = translated(error) if command else self._refusal
            return Seen(problem=translated(error))

    def _log(self, runs: bool) -> None:
        if runs != self._ran:
            log.info("the backend %s", "runs" if runs else "does not run")
        self._ran = runs


def start(backend: Backend, cancelled: Flag) -> None:
    """Start the backend if it does not run. Raises UserError, Cancelled."""
    backend.connect(cancelled)


def stop(backend: Backend, cancelled: Flag) -> None:
    """End the backend if it runs, and wait until it has ended. Raises UserError."""
    connection = backend.running()
    if connection is None:
        return
    if connection.client.src.startswith("https:"):
        raise UserError(_("The studio computes for others, too; it is ended by whoever looks after it."))
    resources.stop(connection)
    deadline = time.monotonic() + END_SECONDS
    while connection.is_open() and not cancelled():
        if time.monotonic() > deadline:
            raise UserError(
                _("The backend does not end; end its process, {process}.").format(process=connection.pid),
                connection.log_file,
            )
        time.sleep(0.1)


def choose(backend: Backend, cancelled: Flag, computer: str) -> None:
    """Have another computer compute from now on, or this one. Raises UserError."""
    installation = backend.installation
    known = Computers.read(installation.data)
    known.chosen = computer
    known.write(installation.data)
    chosen = installation.on(computer)
    chosen.register_client()
    backend.use(chosen)
    log.info("computes on %s", computer or "this computer")


def clear_cache(backend: Backend, cancelled: Flag) -> None:
    """Have the backend forget what it found of pictures. Raises UserError, Cancelled."""
    resources.clear_cache(backend.connect(cancelled))


def state(seen: Seen) -> str:
    """Say whether it runs: "It runs (version 0.1.0) and has nothing to do"."""
    if seen.health is None:
        return _("It does not run; it starts by itself when it is needed.")
    sentence = (
        _("It runs (version {version}) and is at work.")
        if seen.health["busy"]
        else _("It runs (version {version}) and has nothing to do.")
    )
    return sentence.format(version=seen.health["version"])


def computers(installation: Installation) -> dict[str, str]:
    """Return what can be chosen to compute: how it is called, by NAME@HOST."""
    return {HERE: _("This computer"), **{name: name for name in Computers.read(installation.data).pythons}}


def device(used: Resources) -> str:
    """Say what it computes on: "The processor, 2 cores", "NVIDIA H200"."""
    if used.device != "processor":
        return used.device
    return ngettext("The processor, {count} core", "The processor, {count} cores", used.cores).format(count=used.cores)


def memory(used: Resources) -> str:
    """Say how much memory it has: "512 MB", "512 MB, and 900 MB of the graphics card"."""
    own = translated(in_megabytes(used.memory))
    if used.device_memory is None:
        return own
    return _("{size}, and {of_card} of the graphics card").format(
        size=own, of_card=translated(in_megabytes(used.device_memory))
    )


def cache(used: Resources) -> str:
    """Say how much is remembered, and what for."""
    return _("{size}, so that a picture is found again at once").format(size=translated(in_megabytes(used.cache_bytes)))


def models(used: Resources) -> str:
    """Say where the artist's models are, and how large they are, if there are any."""
    return (
        f"{used.models_folder} ({translated(in_megabytes(used.models_bytes))})"
        if used.models_bytes
        else used.models_folder
    )
