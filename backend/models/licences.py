"""The licences of models that the user has accepted: each once, with its date."""

from __future__ import annotations

import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from backend import paths
from backend.files import write_text_whole
from backend.models.catalogue import Entry, Licence


class Acceptance(BaseModel):
    """That a licence was accepted; one without a text only for the model it was asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    licence: Licence
    model: str
    date: datetime.date

    def covers(self, entry: Entry) -> bool:
        """Whether it holds for this model, too."""
        return self.licence == entry.licence and (entry.licence.link is not None or self.model == entry.name)


class _Acceptances(BaseModel):
    accepted: list[Acceptance] = []


def is_accepted(entry: Entry) -> bool:
    """Whether the licence of a model has been accepted."""
    return any(acceptance.covers(entry) for acceptance in _read().accepted)


def accept(entry: Entry) -> None:
    """Record that the licence of a model was accepted today. Raises UserError when that cannot be written."""
    known = _read()
    if any(acceptance.covers(entry) for acceptance in known.accepted):
        return
    known.accepted.append(Acceptance(licence=entry.licence, model=entry.name, date=datetime.date.today()))
    paths.make_private(paths.data_folder())
    write_text_whole(paths.licences_file(), known.model_dump_json(indent=1))


def _read() -> _Acceptances:
    """What is recorded; nothing where it cannot be read: then the artist is asked again."""
    try:
        return _Acceptances.model_validate_json(paths.licences_file().read_bytes())
    except (OSError, ValidationError):
        return _Acceptances()
