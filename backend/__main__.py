"""The backend's command line: `python -m backend drag|frames|sample|invert|models|doctor|serve|status|stop|studio`."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from backend.errors import UserError

FAILED, STOPPED = 2, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; a page of usage hides it."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        raise UserError(f"{message[0].upper()}{message[1:]}; `{self.prog} --help` tells what can be given.")


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; those of this process without them.

    Returns:
        The exit code: 0 done, 1 nothing runs (`status`, `stop`) or not all is well (`doctor`), 2 an error, 130 stopped
        by Ctrl+C.
    """
    try:
        return _run(arguments)
    except UserError as error:
        print(error, file=sys.stderr)
        return FAILED
    except ImportError as error:
        print(f"The environment is incomplete ({error}); run install.py again.", file=sys.stderr)
        return FAILED
    except OSError as error:
        where, reason = error.filename or "A file", error.strerror or error
        print(f"{where} cannot be used ({reason}); mend that and run this again.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return STOPPED


def _run(arguments: list[str] | None) -> int:
    # Imported here so that Ctrl+C during the seconds this takes ends as quietly as later.
    from backend import commands, frames
    from backend.doctor import commands as doctor_commands
    from backend.models import commands as model_commands
    from backend.server import commands as server_commands
    from backend.studio import commands as studio_commands
    from stylegan2.errors import ModelError

    parser = _Parser(prog="python -m backend", description=(__doc__ or "").splitlines()[0])
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_commands(subparsers)
    frames.add_commands(subparsers)
    model_commands.add_commands(subparsers)
    doctor_commands.add_commands(subparsers)
    server_commands.add_commands(subparsers)
    studio_commands.add_commands(subparsers)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except ModelError as error:
        print(error, file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
