"""Models as text for a terminal: a table of many, and all about one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backend.client.catalogue import in_megabytes
from backend.models import catalogue, licences, models, records
from backend.models.catalogue import Entry
from backend.models.models import EMBEDDED, Offered
from backend.models.thumbnails import sheet_of

WIDTH = 100  # letters of a line
GAP = 2
WIDEST_NAME = 20  # letters; a longer one gets a line of its own


class _Row(NamedTuple):
    name: str
    title: str
    pixels: str
    licence: str
    state: str


HEADING = _Row("NAME", "TITLE", "PIXELS", "LICENCE", "STATE")


def table(everything: bool) -> list[str]:
    """Return the lines of a table of the models that are here, or of all that are known; names are never cut."""
    here = models.offered()
    names = {model.name for model in here}
    rows = [HEADING, *map(_here, here)]
    if everything:
        rows += [_elsewhere(entry) for entry in catalogue.entries() if entry.name not in names]
    rows = [_Row(*map(printable, row)) for row in rows]
    name = max(len(row.name) for row in rows if len(row.name) <= WIDEST_NAME)
    title, *rest = (max(map(len, column)) for column in list(zip(*rows, strict=True))[1:])
    widths = (name, min(title, WIDTH - name - sum(rest) - GAP * (len(HEADING) - 1)), *rest)
    return [line for row in rows for line in _lines(row, widths)]


def _lines(row: _Row, widths: Sequence[int]) -> Iterator[str]:
    """A row; a name that is too long gets a line of its own."""
    if len(row.name) > widths[0]:
        yield row.name
        row = row._replace(name="")
    yield (" " * GAP).join(_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def details(name: str) -> list[str]:
    """Return lines with all that is known of a model. Raises UserError where there is none of this name."""
    model = next((model for model in models.offered() if model.name == name), None)
    entry = model.entry if model else catalogue.by_name(name)
    if model is None and entry is None:
        models.find(name)  # raises, and says which there are
    facts = list(_facts(model, entry))
    width = max(len(what) for what, _ in facts) + GAP
    return [line for what, text in facts for line in _wrapped(what, printable(text), width)]


def printable(text: str) -> str:
    """Return a text without control characters: what a file says about itself must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _here(model: Offered) -> _Row:
    pixels = f"{model.size[1]} x {model.size[0]}" if model.size else "-"
    licence = model.entry.licence.short if model.entry else _cut(model.licence, 14)
    return _Row(model.name, model.title, pixels, licence, "here" if model.size else "cannot be read")


def _elsewhere(entry: Entry) -> _Row:
    state = "place it yourself"
    if entry.urls:
        size = (
            "" if entry.download_bytes is None else f" {'' if entry.bytes else '~'}{entry.download_bytes / 1e6:.0f} MB"
        )
        state = f"download{size}"
    return _Row(entry.name, entry.title, f"{entry.width} x {entry.height}", entry.licence.short, state)


def _facts(model: Offered | None, entry: Entry | None) -> Iterator[tuple[str, str]]:
    yield "name", model.name if model else entry.name if entry else ""
    if entry is not None:
        yield from (("title", entry.title), ("shows", entry.shows), ("picture", entry.hint))
    elif model is not None and model.name == EMBEDDED:
        yield "title", model.title
    if model is not None:
        yield from _facts_here(model)
    elif entry is not None:
        yield from _facts_elsewhere(entry)
    if entry is not None:
        yield from _facts_published(entry)


def _facts_here(model: Offered) -> Iterator[tuple[str, str]]:
    yield "state", "here" if model.size else "here, but its file cannot be read; remove it"
    yield "file", str(model.path)
    if model.size:
        yield "pixels", f"{model.size[1]} x {model.size[0]}"
    if sheet_of(model).is_file():
        yield "samples", str(sheet_of(model))
    if (record := records.record_of(model.path)) is not None:
        yield "added", record.added.isoformat()
        yield "sha256", f"{record.sha256}, converted from {record.original_sha256}"
    if model.entry is None:
        yield "licence", model.licence
        yield "source", model.source


def _facts_elsewhere(entry: Entry) -> Iterator[tuple[str, str]]:
    by_hand = f"place its file here yourself: {models.place_by_hand(entry)}"
    if entry.urls:
        size = in_megabytes(entry.download_bytes, about=entry.bytes is None)
        yield "state", f"can be downloaded ({size}) with `python -m backend models download {entry.name}`; or {by_hand}"
        yield "accepted", "its licence, yes" if licences.is_accepted(entry) else "its licence, not yet"
    else:
        yield "state", f"no address is known: {by_hand}"
    yield "pixels", f"{entry.width} x {entry.height}"


def _facts_published(entry: Entry) -> Iterator[tuple[str, str]]:
    licence, allowed = entry.licence, "no commercial use" if entry.licence.non_commercial else ""
    yield "licence", ", ".join(text for text in (licence.name, allowed, licence.link) if text)
    for url in entry.urls:
        yield "address", url
    if entry.where:
        yield "where", entry.where
    yield "original", f"{in_megabytes(entry.download_bytes, entry.bytes is None)}, sha256 {entry.sha256 or 'unknown'}"
    if entry.usable_height:
        yield "rows", f"only the {entry.usable_height} in the middle show anything"
    yield (
        "preset",
        ", ".join(f"{key} {value:g}" for key, value in entry.preset.items() if isinstance(value, float | int)),
    )


def _wrapped(what: str, text: str, width: int) -> Sequence[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"{what}:".ljust(width), subsequent_indent=" " * width, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
