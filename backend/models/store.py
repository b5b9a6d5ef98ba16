"""The store: the models folder, filled and emptied; what is in it the backend offers by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend import paths
from backend.client.protocol import Flag
from backend.errors import UserError
from backend.models import encoders, models, records
from backend.models.conversion import sole_writer, take_in
from stylegan2.files import sha256_of

# What every system takes as the name of a file, and nobody takes for a path or an option.
PLAIN_NAME = re.compile(r"[^\W_][\w .+-]{0,62}[\w+-]|[^\W_]")
DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows' own


def add(file: Path, name: str, preset: Mapping[str, Any] | None = None, cancelled: Flag = lambda: False) -> Path:
    """Import a model into the store.

    It is read and checked as a whole first, in a process of its own, and appears whole or not at all.

    Args:
        file: of any kind that can be read; it stays as it is.
        name: what it is called from now on.
        preset: constants to be stored with it, over those it brings.
        cancelled: whether to end.

    Returns:
        The store's file.

    Raises:
        UserError: the name is none or in use, or another model is being added.
        ModelError: the file is no model, or cannot be written.
        Cancelled: `cancelled` was true.
    """
    path = check_addition(file, name)
    with sole_writer():
        return take_in(path, name, preset=preset, cancelled=cancelled)


def check_addition(file: Path, name: str) -> Path:
    """Check what add() is given, as far as that takes no time, and return the file. Raises UserError."""
    _check_new(name)
    path = file.expanduser()
    if not path.is_file():
        raise UserError(f"The model file {path} does not exist; check its path.")
    return path


def remove(name: str) -> Path:
    """Delete a model from the store, its encoder, and what was recorded of it.

    Args:
        name: what it is called.

    Returns:
        The file that was deleted.

    Raises:
        UserError: it is the embedded model, is not in the store, or cannot be deleted.
    """
    if name == models.EMBEDDED:
        raise UserError(f'The model "{name}" is a part of this program and stays.')
    path = models.stored().get(name)
    if path is None:
        there = ", ".join(sorted(models.stored())) or "no model yet"
        raise UserError(f'There is no model called "{name}" in {paths.models_folder()}; in it is: {there}.')
    try:
        belonging = encoders.file_of(sha256_of(path)), records.record_file(path), records.sheet_file(path)
        path.unlink()  # first: where it stays, so does all else
        for file in belonging:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be deleted ({error.strerror}); end what uses it and try again.") from error
    return path


def _check_new(name: str) -> None:
    if not PLAIN_NAME.fullmatch(name) or DEVICE_NAME.fullmatch(name) or name.lower().endswith(models.FILE_ENDINGS):
        raise UserError(
            f"{name!r} cannot be the name of a model; take up to 64 letters, digits, spaces and - _ + . "
            "that begin with a letter or digit, without the file's ending."
        )
    taken = {other.casefold() for other in models.available()}  # some systems see no difference of case
    if name.casefold() in taken:
        raise UserError(f'There is a model called "{name}" already; take another name, or remove that one first.')
