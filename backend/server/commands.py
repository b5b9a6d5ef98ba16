"""The commands serve, status and stop of `python -m backend`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from typing import Any

from backend import paths
from backend.errors import UserError
from backend.server import lifecycle, log
from backend.server.client import ask

DONE, NOT_RUNNING, FAILED = 0, 1, 2
PATIENCE = 15.0  # seconds a backend gets to end after it was asked to


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add serve, status and stop; each sets `run`: a function of the arguments that returns the exit code."""
    serve = subparsers.add_parser("serve", help="be the service behind the plug-in until stopped or idle")
    serve.add_argument(
        "--idle-minutes", type=_minutes, default=lifecycle.IDLE_MINUTES, metavar="N",
        help="end after so long without a client; 0 never does (default: %(default)g)",
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
        lifecycle.serve(arguments.idle_minutes)
    except UserError as error:
        return _fail(str(error))
    except Exception:
        return _fail(log.unexpected("starting the backend"))
    return DONE


def _status(_: argparse.Namespace) -> int:
    ready = lifecycle.running()
    if ready is None:
        print("The backend is not running.")
        return NOT_RUNNING
    if not ready:
        print("The backend is starting or ending.")
        return DONE
    try:
        health = ask(ready, "health")
    except UserError as error:
        return _fail(str(error))
    work = "busy with a drag" if health["busy"] else "idle"
    print(
        f"The backend is running at {ready['url']} (process {ready['pid']}, version {health['version']}, "
        f"on {health['device']}), {work}."
    )
    return DONE


def _stop(_: argparse.Namespace) -> int:
    ready = _when_started()
    if ready is None:
        print("The backend is not running.")
        return NOT_RUNNING
    try:
        if not ready:
            raise UserError(f"The backend neither starts nor ends; see {paths.log_file()}.")
        try:
            ask(ready, "stop")
        except UserError:
            os.kill(ready["pid"], signal.SIGTERM)  # it hangs; the held lock says that the process is still it
        if not _ended():
            raise UserError(f"The backend (process {ready['pid']}) does not end; end that process yourself.")
    except (UserError, OSError) as error:
        return _fail(str(error))
    print("The backend has been stopped.")
    return DONE


def _when_started() -> dict[str, Any] | None:
    """What lifecycle.running() says once the backend is neither starting nor ending, or {} if it stays so."""
    ready = lifecycle.running()
    deadline = time.monotonic() + PATIENCE
    while ready == {} and time.monotonic() < deadline:
        time.sleep(0.2)
        ready = lifecycle.running()
    return ready


def _ended() -> bool:
    with lifecycle.sole_instance(PATIENCE) as alone:
        if alone:
            paths.ready_file().unlink(missing_ok=True)
        return alone


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return FAILED
