"""The command `python -m backend studio`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from backend import paths
from backend.errors import UserError
from backend.server import lifecycle
from backend.studio import artists
from backend.studio.endpoint import StudioEndpoint

PORT = 8443


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add studio; it sets `run`: a function of the arguments that returns the exit code."""
    studio = subparsers.add_parser("studio", help="be the service of many artists, on one or more GPUs")
    studio.add_argument("--new-artist", metavar="NAME", help="only print a new token for this artist")
    studio.add_argument("--certificate", type=Path, metavar="FILE", help="for TLS, PEM")
    studio.add_argument("--key", type=Path, metavar="FILE", help="of the certificate, PEM")
    studio.add_argument("--address", default="0.0.0.0", help="to listen at (default: all)")
    studio.add_argument("--port", type=int, default=PORT, metavar="N", help="(default: %(default)d)")
    studio.add_argument("--replicas", type=int, metavar="N", help="default: one for each GPU")
    studio.set_defaults(run=_studio)


def _studio(options: argparse.Namespace) -> int:
    file = paths.data_folder() / "artists.json"
    if options.new_artist:
        paths.make_private(file.parent)
        print(artists.add(file, options.new_artist))
        return 0
    if not options.certificate or not options.key:
        raise UserError("A studio speaks TLS only; give it --certificate FILE and --key FILE.")
    known = artists.read(file)
    if not known:
        raise UserError("The studio has no artists yet; add each with: python -m backend studio --new-artist NAME")
    endpoint = StudioEndpoint.open((options.address, options.port), options.certificate, options.key, known)
    with endpoint.listener, lifecycle.sole_backend() as files:
        try:
            from backend.studio import serving  # takes seconds, and Gradio reads its temporary folder's name only once
        except ImportError as error:
            raise UserError(
                f"The studio needs Ray Serve ({error}); install it with: pip install -r backend/requirements-studio.txt"
            ) from error
        serving.serve(endpoint, files, options.replicas)
    return 0
