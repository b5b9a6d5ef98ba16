"""Where a studio listens, with which certificate, and to whom: opened before anything that takes time is started."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from backend.errors import UserError


@dataclass(frozen=True)
class StudioEndpoint:
    """An open port for TLS.

    Args:
        listener: whose clients wait until the studio has started.
        certificate, key: PEM files.
        artists: names by the hashes of their tokens.
    """

    listener: socket.socket
    certificate: Path
    key: Path
    artists: dict[str, str]

    @classmethod
    def open(cls, address: tuple[str, int], certificate: Path, key: Path, artists: dict[str, str]) -> StudioEndpoint:
        """Listen at an address and port. Raises UserError where that, or the certificate, cannot be used."""
        _check(certificate, key)
        return cls(listen(address), certificate, key, artists)


def listen(address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens at an address and port. Raises UserError."""
    try:
        return socket.create_server(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"The studio cannot listen at {address[0]}:{address[1]} ({reason}); give another --address or --port."
        ) from error


def _check(certificate: Path, key: Path) -> None:
    """Raise UserError where a certificate or its key cannot be used."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:  # ssl's own, too
        raise UserError(
            f"{certificate} and {key} cannot be used ({error.strerror or error}); give a certificate and its key, "
            "both PEM."
        ) from error
