"""Its commands: `python -m backend.remote tunnel|join NAME@HOST` here; `start`, `keep-alive` there, by the first."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.client.launcher import ALREADY_RUNNING, UNAVAILABLE
from backend.errors import UserError
from backend.remote import host, studio, tunnel

STOPPED = 130  # exit code of what was ended with Ctrl+C


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. The last line of what failed is a sentence for the artist."""
    parser = argparse.ArgumentParser(prog="python -m backend.remote", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    leading = commands.add_parser("tunnel", help="lead to the backend on another computer while GIMP runs")
    leading.add_argument("computer", metavar="NAME@HOST")
    leading.set_defaults(run=lambda options: tunnel.keep_open(options.computer))
    join = commands.add_parser("join", help="have a studio compute; asks for the token that it has given you")
    join.add_argument("artist", metavar="NAME@HOST")
    join.add_argument("--port", type=int, default=8443, metavar="N", help="(default: %(default)d)")
    join.add_argument("--certificate", type=Path, metavar="FILE", help="the studio's own, PEM")
    join.set_defaults(run=lambda options: studio.join(options.artist, options.port, options.certificate))
    start = commands.add_parser("start", help="start the backend if it does not run, and say how it is reached")
    start.set_defaults(run=lambda options: host.start_backend())
    keep_alive = commands.add_parser("keep-alive", help="have the backend stay while this runs")
    keep_alive.set_defaults(run=lambda options: host.keep_alive())
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except tunnel.TunnelRunningError as error:
        print(error, file=sys.stderr)
        return ALREADY_RUNNING
    except UserError as error:
        print(error, file=sys.stderr)
        return UNAVAILABLE
    except OSError as error:
        where, reason = error.filename or "A file", error.strerror or error
        print(f"{where} cannot be used ({reason}); mend that and try again.", file=sys.stderr)
        return UNAVAILABLE
    except KeyboardInterrupt:
        print("Stopped; nothing was changed.", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
