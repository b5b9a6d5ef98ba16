"""The plug-in's texts in the artist's language, and those that the backend says in English. Nothing of GIMP.

    from core.i18n import _, ngettext, translated

The message catalogues are locale/LANGUAGE/LC_MESSAGES/draggan.po and what is compiled of it beside it; `python -m
tests.translations` renews them. The entry of the plug-in chooses the language before it imports anything that has
texts, so that constants of modules may be translated, too.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from backend.errors import UserError

DOMAIN = "draggan"
FOLDER = Path(__file__).resolve().parents[1] / "locale"
PLACE = re.compile(r"\{\d+\}")  # in a sentence of the backend: what it puts in there
LOG = re.compile(r"; the log is (.+)\.$", re.DOTALL)  # how a UserError ends that has one


class _Catalogue(gettext.GNUTranslations):
    """One language."""

    @cached_property
    def patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """The sentences with something put in, those that say most first, and what they are translated to."""
        texts = (text for text in vars(self)["_catalog"] if isinstance(text, str) and PLACE.search(text))
        return [(_pattern(text), text) for text in sorted(texts, key=lambda text: -len(PLACE.sub("", text)))]


_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def use(languages: Sequence[str]) -> None:
    """Take the first of these languages that there is a message catalogue of; English where there is none.

    Args:
        languages: such as "de_AT", the best first.
    """
    global _catalogue
    _catalogue = gettext.translation(DOMAIN, FOLDER, list(languages), class_=_Catalogue, fallback=True)


def _(text: str) -> str:
    """Translate a text. What is put into it is put in afterwards: `_("{x} is missing").format(x=x)`."""
    return _catalogue.gettext(text) if text else ""  # of "" gettext makes the head of the message catalogue


def ngettext(one: str, many: str, count: int) -> str:
    """Translate a text that depends on a number, which is put in afterwards, as {count} or by another name."""
    return _catalogue.ngettext(one, many, count)


def translated(said: str | UserError) -> str:
    """Translate what the backend or its client says in English, as far as the message catalogue knows its sentences."""
    text = str(said)
    log = LOG.search(text)
    if log:
        return _("{sentence}; the log is {log}.").format(
            sentence=translated(f"{text[: log.start()]}.").rstrip("."), log=log[1]
        )
    whole = _sentence(text)
    if whole is not None:
        return whole
    sentences = re.split(r"(?<=[.:])(\s+)(?=[A-Z])", text)
    return "".join(_sentence(sentence) or sentence for sentence in sentences)


def _sentence(text: str) -> str | None:
    """Translate one sentence, and within it what the backend has put in; None where it is unknown."""
    if _(text) != text:
        return _(text)
    for pattern, original in _catalogue.patterns if isinstance(_catalogue, _Catalogue) else ():
        if found := pattern.fullmatch(text):
            return _(original).format(*map(_, found.groups()))
    return None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, PLACE.split(text))), re.DOTALL)
