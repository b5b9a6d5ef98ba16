"""The commands serve, status and stop of `python -m backend`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from backend.client.connection import ask
from backend.errors import UserError
from backend.server import instance, lifecycle, log

DONE, NOT_RUNNING, FAILED = 0, 1, 2


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add serve, status and stop; each sets `run`: a function of the arguments that returns the exit code."""
    serve = subparsers.add_parser("serve", help="be the service behind the plug-in until stopped or idle")
    serve.add_argument(
        "--idle-minutes", type=_minutes, default=lifecycle.IDLE_MINUTES, metavar="N",
        help="end after so long without a client; 0 never does (default: %(default)g)",
    )  # fmt: skip
    serve.add_argument(
        "--unattended-minutes", type=_minutes, default=0, metavar="N",
        help="end after so long without a client on another computer that asked for it; 0 never does (default)",
    )  # fmt: skip
    serve.set_defaults(run=_serve)
    subparsers.add_parser("status", help="say whether the service runs, and where").set_defaults(run=_status)
    subparsers.add_parser("stop", help="end the running service").set_defaults(run=_stop)


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 <= minutes <= 1e6:
        raise argparse.ArgumentTypeError("give a number of minutes, 0 or more")
    return minutes


def _serve(arguments: argparse.Namespace) -> int:
    try:
        lifecycle.serve(arguments.idle_minutes, arguments.unattended_minutes)
    except UserError as error:
        return _fail(str(error))
    except Exception:
        return _fail(log.unexpected("starting the backend"))
    return DONE


def _status(_: argparse.Namespace) -> int:
    try:
        ready = instance.running()
        if ready is None:
            print("The backend is not running.")
            return NOT_RUNNING
        if ready == "starting":
            print("The backend is starting or ending.")
            return DONE
        health = ask(ready, "health")
    except UserError as error:
        return _fail(str(error))
    work = "busy with a drag" if health["busy"] else "idle"
    print(
        f"The backend is running at {ready.url} (process {ready.pid}, version {health['version']}, "
        f"on {health['device']}), {work}."
    )
    return DONE


def _stop(_: argparse.Namespace) -> int:
    try:
        stopped = instance.stop()
    except (UserError, OSError) as error:
        return _fail(str(error))
    print("The backend has been stopped." if stopped else "The backend is not running.")
    return DONE if stopped else NOT_RUNNING


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return FAILED
