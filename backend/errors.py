"""How work can end early: with a sentence for the user, or because the user wanted it. Standard library only."""

from __future__ import annotations

from pathlib import Path


class UserError(ValueError):
    """Something the user can put right: one sentence that says what to do.

    Args:
        sentence: ends with a full stop.
        log: the file that tells more; the text ends with its name.
    """

    def __init__(self, sentence: str, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.log = log

    def __str__(self) -> str:
        sentence = super().__str__()
        return f"{sentence.removesuffix('.')}; the log is {self.log}." if self.log else sentence


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The job was cancelled, or nobody waits for it any more; nothing is to be said or changed."""
