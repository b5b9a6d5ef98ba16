"""The command `python -m backend doctor`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from backend.doctor import checks
from backend.doctor.checks import Finding

WELL, ILL = 0, 1


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add doctor. It sets `run`, which takes the arguments and returns the exit code, 0 when all is well."""
    subparsers.add_parser("doctor", help="look whether all is well, and say what to do").set_defaults(run=_doctor)


def _doctor(_: argparse.Namespace) -> int:
    well = True
    for finding in _findings():
        print(finding, flush=True)
        well = well and finding.ok
    return WELL if well else ILL


def _findings() -> Iterator[Finding]:
    yield checks.environment()
    yield checks.accelerator()
    yield checks.model_store()
    yield from checks.gimp()
    from backend.doctor.round_trip import round_trip  # its libraries take seconds; the first lines come before

    yield round_trip()
