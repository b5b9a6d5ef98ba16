"""How work in this plug-in can end early: with a sentence for the artist, or because the artist wanted it."""

from __future__ import annotations

from pathlib import Path


class Problem(Exception):  # noqa: N818 - what it tells is rarely an error of the program
    """Something the artist must know; the text is one clear sentence that says what to do."""


class Fault(Problem):
    """Something that no input of the artist's has caused: its sentence ends with the log that tells more.

    Without `log` that is the plug-in's own, which is filled in where the fault is shown.
    """

    def __init__(self, sentence: str, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.log = log

    def __str__(self) -> str:
        sentence = super().__str__()
        return f"{sentence.removesuffix('.')}; the log is {self.log}." if self.log else sentence


class Cancelled(Exception):  # noqa: N818 - no error at all
    """The artist cancelled; nothing is to be said or changed."""
