"""What is recorded beside a model of the store: where it is from, and what its file's checksum was when it was written.

NAME.safetensors is the model, NAME.json its record, NAME.png four of its samples. A model without a record, put there
by hand perhaps, is a model all the same.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.models.catalogue import Count, Licence, Sha256


class Record(BaseModel):
    """What is known of a model of the store.

    Attributes:
        original_sha256: of the file that it was converted from.
        sha256: of the store's file.
        source: where the original is from.
        licence: of the weights; None where nobody knows.
        usable_height: rows in the middle of its images that hold the subject, None for all of them.
        aligned_faces: whether a face has to be aligned as those of FFHQ are.
        added: when it was converted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    original_sha256: Sha256
    sha256: Sha256
    source: str
    licence: Licence | None
    usable_height: Count | None = None
    aligned_faces: bool = False
    added: datetime.date


def record_file(model: Path) -> Path:
    """Return where the record of a model's file is."""
    return model.with_suffix(".json")


def sheet_file(model: Path) -> Path:
    """Return where the samples of a model's file are."""
    return model.with_suffix(".png")


def record_of(model: Path) -> Record | None:
    """Read the record of a model's file; None where there is none that can be read."""
    try:
        return Record.model_validate_json(record_file(model).read_bytes())
    except (OSError, ValidationError):
        return None
