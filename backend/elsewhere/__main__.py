"""Its commands: `python -m backend.elsewhere reach|join NAME@HOST` here; `lend`, `attend` there, by the first."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.client.launcher import ALREADY_RUNNING, SAID_WHY
from backend.elsewhere import joining, lending, reaching
from backend.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. The last line of what failed is a sentence for the artist."""
    parser = argparse.ArgumentParser(prog="python -m backend.elsewhere", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    reach = commands.add_parser("reach", help="lead to the backend on another computer while GIMP runs")
    reach.add_argument("computer", metavar="NAME@HOST")
    reach.set_defaults(run=lambda options: reaching.reach(options.computer))
    join = commands.add_parser("join", help="have a studio compute; asks for the token that it has given you")
    join.add_argument("artist", metavar="NAME@HOST")
    join.add_argument("--port", type=int, default=8443, metavar="N", help="(default: %(default)d)")
    join.add_argument("--certificate", type=Path, metavar="FILE", help="the studio's own, PEM")
    join.set_defaults(run=lambda options: joining.join(options.artist, options.port, options.certificate))
    lend = commands.add_parser("lend", help="start the backend if it does not run, and say how it is reached")
    lend.set_defaults(run=lambda options: lending.lend())
    attend = commands.add_parser("attend", help="have the backend stay while this runs")
    attend.set_defaults(run=lambda options: lending.attend())
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except reaching.AlreadyReachedError as error:
        print(error, file=sys.stderr)
        return ALREADY_RUNNING
    except UserError as error:
        print(error, file=sys.stderr)
        return SAID_WHY


if __name__ == "__main__":
    sys.exit(main())
