"""The other computers that can compute for this user, and which is chosen. Standard library only.

The installer writes the file, the plug-in's settings choose, and the backend's command line reads it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backend.errors import UserError
from backend.files import write_text_whole

FILE = "computers.json"  # in the data folder
HERE = ""  # the choice that is no other computer
# It becomes an argument of ssh and the name of a folder: nothing in it is an option, a command or a path.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")


def checked(name: str) -> str:
    """Return the NAME@HOST of another computer. Raises UserError where it is none."""
    if not NAME.fullmatch(name):
        raise UserError(
            f'"{name[:100]}" is not the name of another computer; give the user and the host, as in '
            "anna@gpu.example.org."
        )
    return name


@dataclass
class Computers:
    """What is known of other computers.

    Args:
        pythons: the backend's Python on each, by NAME@HOST; "" of a studio.
        chosen: the one that computes, or HERE.
    """

    pythons: dict[str, str] = field(default_factory=dict)
    chosen: str = HERE

    @classmethod
    def read(cls, data: Path) -> Computers:
        """Read the file in the data folder; without a readable one, everything is computed here."""
        try:
            content = json.loads((data / FILE).read_text(encoding="utf-8"))
            pythons = {checked(name): str(python) for name, python in content["pythons"].items()}
            chosen = str(content["chosen"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return cls()
        return cls(pythons, chosen if chosen in pythons else HERE)

    def write(self, data: Path) -> None:
        """Write the file. Raises UserError."""
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text_whole(data / FILE, json.dumps(asdict(self), indent=1))
