"""The store: the models folder, filled and emptied; what is in it the backend offers by name."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import stylegan2
from backend import paths
from backend.editing.preset import preset_for
from backend.errors import UserError
from backend.models import catalogue, encoders, models
from stylegan2.files import sha256_of

# What every system takes as the name of a file, and nobody takes for a path or an option.
PLAIN_NAME = re.compile(r"[^\W_][\w .+-]{0,62}[\w+-]|[^\W_]")
DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows' own


def add(file: Path, name: str) -> Path:
    """Import a model into the store.

    It is read and checked as a whole first and appears whole or not at all. What is known of a published file (its
    licence, source and preset) goes with it.

    Args:
        file: of any kind that can be read.
        name: what it is called from now on.

    Returns:
        The store's file.

    Raises:
        UserError: the name is none or in use.
        ModelError: the file is no model, or cannot be written.
    """
    _check_new(name)
    path = file.expanduser()
    if not path.is_file():
        raise UserError(f"The model file {path} does not exist; check its path.")
    target = paths.models_folder() / f"{name}.safetensors"
    try:
        model = stylegan2.load(path)
        model.metadata = dataclasses.replace(_as_published(model), name=name)
        preset_for(model)
        paths.make_private(paths.data_folder())
        target.parent.mkdir(exist_ok=True)
        stylegan2.save(model, target)
    except OSError as error:
        raise UserError(f"The models folder {target.parent} cannot be made ({error.strerror}); mend that.") from error
    return target


def remove(name: str) -> Path:
    """Delete a model from the store, and its encoder.

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
        encoders.file_of(sha256_of(path)).unlink(missing_ok=True)
        path.unlink()
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


def _as_published(model: stylegan2.Model) -> stylegan2.Metadata:
    """Return the metadata with what the catalogue knows: our own file has another checksum than the published one."""
    entry = catalogue.by_sha256(model.sha256)
    if entry is None:
        return model.metadata
    source = f"{entry['url']}, sha256 {model.sha256}"
    preset = {**entry["preset"], **model.metadata.preset}
    return dataclasses.replace(model.metadata, licence=entry["licence"], source=source, preset=preset)
