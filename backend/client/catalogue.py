"""The models as a client asks for them: what is here, what can be fetched, how far that is; and what changes it.

The backend answers all of it at once, while a job runs, too; a download goes on when the client is gone.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.client import questions
from backend.client.connection import Connection
from backend.errors import UserError


@dataclass(frozen=True)
class Licence:
    """Under what terms a model's weights are given away; `link` is None where there is no text."""

    name: str
    link: str | None
    non_commercial: bool


@dataclass(frozen=True)
class ListedModel:
    """A model that is here, or could be: as in backend/server/catalogue_protocol.py; `thumbnail` is a PNG file."""

    name: str
    title: str
    state: str
    bytes: int | None
    height: int | None
    width: int | None
    licence: Licence
    accepted: bool
    shows: str
    hint: str
    path_to_place: str | None
    where: str
    removable: bool
    embedded: bool
    thumbnail: bytes | None
    classes: int | None = None


@dataclass(frozen=True)
class Download:
    """How far the download or import under way is; `phase` is "downloading", "converting" or "failed" with `error`."""

    name: str
    phase: str
    done_bytes: int
    total_bytes: int | None
    rate: float
    seconds_left: float | None
    error: str | None


@dataclass(frozen=True)
class ModelList:
    """All models, those that are here first, and what is fetched or added just now."""

    models: tuple[ListedModel, ...]
    download: Download | None


def list_models(connection: Connection, thumbnails: bool = False) -> ModelList:
    """List all models; with `thumbnails` the samples of those that are here. Raises UserError."""
    return _ask(connection, "models", {"thumbnails": thumbnails})


def download(connection: Connection, name: str, accept_licence: bool = False) -> ModelList:
    """Start a download.

    Args:
        name: of the model.
        accept_licence: whether the artist has accepted its licence now.

    Raises:
        UserError: it cannot be started, the licence was never accepted, or another one is under way.
    """
    return _ask(connection, "download", {"name": name, "accept_licence": accept_licence})


def cancel_download(connection: Connection) -> ModelList:
    """End the download or import under way, or forget that it failed. Raises UserError."""
    return _ask(connection, "cancel_download")


def add_model(connection: Connection, file: Path, name: str) -> ModelList:
    """Start the import of a file of the computer that computes under a name. Raises UserError."""
    if connection.computer:
        raise UserError(
            f"{connection.computer} cannot read a file of this computer; copy it there, and add it there with "
            "python -m backend models add."
        )
    return _ask(connection, "add_model", {"path": str(file), "name": name})


def remove_model(connection: Connection, name: str) -> ModelList:
    """Delete a model, or what has come of its download. Raises UserError."""
    return _ask(connection, "remove_model", {"name": name})


def in_megabytes(size: int | None, about: bool = False) -> str:
    """Return a size in words: "364 MB", "about 364 MB" or "unknown"."""
    if size is None:
        return "unknown"
    megabytes = size / 1e6
    return f"{'about ' if about else ''}{megabytes:.0f} MB" if megabytes >= 10 else f"{megabytes:.1f} MB"


def _ask(connection: Connection, endpoint: str, *options: Mapping[str, object]) -> ModelList:
    return questions.ask(connection, endpoint, _listing, *options)


def _listing(answer: Any) -> ModelList:
    models = tuple(_model(model) for model in answer["models"])
    return ModelList(models, answer["download"] and Download(**answer["download"]))


def _model(model: Mapping[str, Any]) -> ListedModel:
    thumbnail = base64.b64decode(model["thumbnail"]) if model["thumbnail"] else None
    return ListedModel(**{**model, "licence": Licence(**model["licence"]), "thumbnail": thumbnail})
