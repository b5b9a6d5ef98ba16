"""The check of the installation: the program's own `doctor`, one finding after the other. Nothing of GIMP."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from backend.client import Installation
from backend.errors import UserError
from core.i18n import _, translated

FINDING = re.compile(r"(ok|WRONG) +([^:]+): (.*)")
WHAT = {
    "environment": _("Program"),
    "device": _("Device"),
    "models": _("Models"),
    "GIMP": "GIMP",
    "plug-in": _("Plug-in"),
    "backend": _("Backend"),
}

log = logging.getLogger("draggan.check")


class Finding(NamedTuple):
    """What one check found; `text` says what to do where it is not well."""

    what: str
    is_well: bool
    text: str


class Check:
    """Runs the check once, in a thread.

    Args:
        found: is given each finding, in the thread.
        over: is called at the end, in the thread; not when it was closed before.
    """

    def __init__(self, installation: Installation, found: Callable[[Finding], None], over: Callable[[], None]) -> None:
        self._installation, self._found, self._over = installation, found, over
        self._closed = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """Nothing more is found."""
        self._closed.set()

    def _run(self) -> None:
        try:
            for finding in findings(self._installation, self._closed.is_set):
                log.info("%s", finding)
                self._found(finding)
        except UserError as error:
            self._found(Finding(_("Program"), False, translated(error)))
        if not self._closed.is_set():
            self._over()


def findings(installation: Installation, closed: Callable[[], bool]) -> Iterator[Finding]:
    """Yield the findings as they come; what is no finding tells why there is none. Raises UserError."""
    process = installation.run("doctor")
    assert process.stdout
    odd: list[str] = []
    with process.stdout as output:
        for line in output:
            if closed():
                process.kill()
                return
            text = line.decode("utf-8", "replace").strip()
            found = FINDING.fullmatch(text)
            if found:
                yield Finding(WHAT.get(found[2], found[2]), found[1] == "ok", translated(found[3]))
            elif text:
                odd.append(text)
    if process.wait() not in (0, 1):  # 1: something is not well
        yield Finding(
            _("Program"), False, translated(odd[-1]) if odd else _("It does not start; run install.py again.")
        )
