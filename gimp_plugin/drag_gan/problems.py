"""How work in this plug-in can end early: with a sentence for the artist, or because the artist wanted it."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - what it tells is rarely an error of the program
    """Something the artist must know; the text is one clear sentence that says what to do."""


class Cancelled(Exception):  # noqa: N818 - no error at all
    """The artist cancelled; nothing is to be said or changed."""
