"""Whether the store's files are still what they were when they were written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from backend.errors import UserError
from backend.models import catalogue, models, records
from stylegan2.files import sha256_of


class Finding(NamedTuple):
    """What was found of a model, in words, and whether its file is damaged."""

    name: str
    text: str
    is_damaged: bool = False


def verify(name: str | None = None) -> list[Finding]:
    """Compare the checksum of a model of the store, or of all.

    Raises:
        UserError: there is none of this name.
    """
    stored = models.stored()
    if name is None:
        return [_verify(*model) for model in sorted(stored.items())] or [
            Finding("The store", "no model was added or downloaded yet")
        ]
    if name == models.EMBEDDED:
        raise UserError(f'The model "{name}" is a part of this program; run install.py to have it anew.')
    if name not in stored:
        models.find(name)  # raises, and says which there are
    return [_verify(name, stored[name])]


def _verify(name: str, path: Path) -> Finding:
    record, entry = records.record_of(path), catalogue.by_name(name)
    expected = record.sha256 if record else entry.sha256 if entry and path.name == entry.file else None
    if expected is None:
        return Finding(name, f"nothing is known to compare {path} with")
    try:
        found = sha256_of(path)
    except OSError as error:
        return Finding(name, f"{path} cannot be read ({error.strerror or error}); mend that", is_damaged=True)
    if found != expected:
        return Finding(name, f"{path} is damaged; remove the model, and download or add it again", is_damaged=True)
    return Finding(name, "sound")
