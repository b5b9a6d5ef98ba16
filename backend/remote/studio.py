"""On an artist's computer: have a studio compute. Its ready file is written once, and stays."""

from __future__ import annotations

import shutil
import ssl
import sys
from pathlib import Path

from backend import paths
from backend.client.connection import Ready, ask
from backend.client.protocol import OTHER_VERSION, PROTOCOL
from backend.computers import Computers, checked
from backend.errors import UserError
from backend.files import written_whole
from backend.server import instance


def join(artist: str, port: int, certificate: Path | None) -> int:
    """Have a studio compute from now on; its token is read from the input. Returns 0.

    Args:
        artist: NAME@HOST, the artist's name there and the studio's host.
        port: of the studio.
        certificate: the studio's, PEM; without it one that the system trusts.

    Raises:
        UserError: it does not answer or knows no such token, or the certificate cannot be read.
    """
    place = instance.installation().on(checked(artist))
    if certificate is not None:
        _check(certificate)
    print("The token that the studio has given you, then Enter:", file=sys.stderr, flush=True)
    token = sys.stdin.readline().strip()
    url = f"https://{artist.partition('@')[2]}:{port}/"
    try:
        health = ask(Ready(url, token, 0, certificate=str(certificate or "")), "health")
    except UserError as error:
        raise UserError(
            f"{url} lets nobody in with this token; see that address, certificate and token are those of the studio."
        ) from error
    if health.get("protocol") != PROTOCOL:
        raise UserError(OTHER_VERSION)
    paths.make_private(place.ready_file.parent)
    own = place.ready_file.with_name("certificate.pem")
    if certificate is not None:
        with written_whole(own) as temporary:
            shutil.copyfile(certificate, temporary)
    names = {"computer": artist, "certificate": str(own) if certificate else "", "protocol": PROTOCOL}
    instance.write_ready_file({"url": url, "token": token, "pid": 0, **names}, place.ready_file)
    known = Computers.read(paths.data_folder())
    known.pythons[artist], known.chosen = "", artist
    known.write(paths.data_folder())
    print(f"{artist} computes from now on; Filters > DragGAN > Settings... chooses another.")
    return 0


def _check(certificate: Path) -> None:
    """Raise UserError where a certificate cannot be read."""
    try:
        ssl.create_default_context(cafile=certificate)
    except OSError as error:  # ssl's own, too
        raise UserError(
            f"The certificate {certificate} cannot be read ({error.strerror or error}); give the one that the studio "
            "has, PEM."
        ) from error
