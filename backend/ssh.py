"""Programs on another computer, by the system's own ssh. Standard library only.

Keys, known hosts, configuration and agent are the user's own; a question that ssh would ask is a failure, which tells
the user to answer it once in a terminal.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from backend import computers
from backend.errors import UserError

UNREACHABLE = 255  # ssh's own exit code; every other one is the program's
OPTIONS = (
    *("-T", "-a", "-x", "-C"),  # no terminal, agent or screen there; pixels come as they are, and shrink well
    *("-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5"),  # seconds; three without an answer end it
    *("-o", "ServerAliveCountMax=3"),
    *("-o", "ExitOnForwardFailure=yes"),
    *("-o", "ControlPath=none"),  # a connection of its own, which ends with it
)
NOISE = re.compile(r"Warning: |\*\*|debug\d: ")  # what ssh says besides why it failed


def start(
    computer: str, command: str, forward: str | None = None, stdin: int = subprocess.PIPE, stderr: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a program on another computer, with pipes to it.

    Args:
        computer: NAME@HOST.
        command: for the shell there.
        forward: a port of this computer and one of the other, as ssh's -L takes it.
        stdin: what the program reads, as for subprocess.
        stderr: where what ssh and the program say goes, as for subprocess.

    Raises:
        UserError: there is no ssh, or this is no computer's name.
    """
    name = computers.checked(computer)
    program = shutil.which("ssh")
    if program is None:
        raise UserError("There is no ssh on this computer; install OpenSSH's client and run this again.")
    ports = ["-L", forward] if forward else []
    return subprocess.Popen(
        [program, *OPTIONS, *ports, "--", name, command],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
    )


def backend_command(python: str, *arguments: str) -> str:
    """Return the command line, for the other computer's shell, of a command of `backend.remote` there."""
    return f"exec {shlex.join([python, '-u', '-m', 'backend.remote', *arguments])}"


def not_installed(computer: str) -> UserError:
    """Return the sentence for a computer that has no backend."""
    return UserError(
        f"DragGAN is not installed on {computer}; install it there with python3 install.py --on {computer}."
    )


def failure(computer: str, code: int, said: Sequence[str]) -> UserError:
    """Return one sentence on why a program of another computer ended with an exit code.

    Args:
        said: the lines of what ssh and the program said.
    """
    lines = [line.strip() for line in said if line.strip() and not NOISE.match(line)]
    reason = (lines[-1] if lines else f"exit code {code}")[:300].rstrip(".")
    if code == UNREACHABLE:
        return UserError(
            f'{computer} cannot be reached ({reason}); see that "ssh {computer}" works in a terminal without a '
            "question, and try again."
        )
    if code in (126, 127) or "No module named backend" in reason:
        return not_installed(computer)
    return UserError(f"{computer} says: {reason}.")
