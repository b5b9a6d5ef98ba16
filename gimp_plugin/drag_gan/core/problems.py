"""How work in this plug-in can end early: with a sentence for the artist, or because the artist wanted it."""

from __future__ import annotations

from backend.errors import Cancelled, UserError

__all__ = ["Cancelled", "Fault", "Problem"]

Problem = UserError


class Fault(UserError):  # noqa: N818
    """Something that no input of the artist's has caused: its sentence ends with the log that tells more.

    Without `log` that is the plug-in's own, which is filled in where the fault is shown.
    """
