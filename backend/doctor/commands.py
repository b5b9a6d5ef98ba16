"""The command `python -m backend doctor`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.doctor import checks
from backend.doctor.checks import Finding

WELL, ILL = 0, 1


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add doctor. It sets `run`, which takes the arguments and returns the exit code, 0 when all is well."""
    doctor = subparsers.add_parser("doctor", help="look whether all is well, and say what to do")
    doctor.add_argument(
        "--report", type=Path, metavar="FILE", help="write a file for a bug report, without your name and paths"
    )
    doctor.add_argument("--profile", action="store_true", help="measure what the parts of a drag take")
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    well, lines = True, []
    for finding in _findings():
        print(finding, flush=True)
        lines.append(str(finding))
        well = well and finding.ok
    if arguments.profile:
        from backend.doctor.profile import profile

        for line in profile():
            print(line, flush=True)
            lines.append(line)
    if arguments.report is not None:
        from backend.doctor.report import write

        write(arguments.report, lines)
        print(f"The report is {arguments.report}; look through it before you send it.")
    return WELL if well else ILL


def _findings() -> Iterator[Finding]:
    yield checks.environment()
    yield checks.accelerator()
    yield checks.model_store()
    yield from checks.gimp()
    from backend.doctor.round_trip import round_trip  # its libraries take seconds; the first lines come before

    yield round_trip()
