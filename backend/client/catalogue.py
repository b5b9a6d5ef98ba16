"""The models as a client asks for them: what is here, what can be fetched, how far that is; and what changes it.

The backend answers all of it at once, while a job runs, too; a download goes on when the client is gone.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.client.connection import QUESTION_SECONDS, Connection
from backend.client.jobs import gone, said
from backend.errors import UserError

log = logging.getLogger("draggan.client")


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
    """Start the import of a file under a name. Raises UserError."""
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
    from gradio_client.exceptions import AppError

    try:
        answer = connection.client.submit(*map(dict, options), api_name=f"/{endpoint}").result(QUESTION_SECONDS)
    except AppError as error:
        raise said(str(error), connection.log_file) from error
    except futures.TimeoutError as error:
        raise UserError(
            f"The backend does not answer; end its process, {connection.pid}, and try again.", connection.log_file
        ) from error
    except Exception as error:  # whatever a client says of a server that is gone
        log.info("%s: %r", endpoint, error)
        raise gone(connection.log_file) from error
    try:
        return ModelList(
            tuple(_model(model) for model in answer["models"]), answer["download"] and Download(**answer["download"])
        )
    except (KeyError, TypeError, ValueError) as error:
        log.exception("answer not understood")
        raise UserError(
            "The backend's answer was not understood; update plug-in and backend by running install.py."
        ) from error


def _model(model: Mapping[str, Any]) -> ListedModel:
    thumbnail = base64.b64decode(model["thumbnail"]) if model["thumbnail"] else None
    return ListedModel(**{**model, "licence": Licence(**model["licence"]), "thumbnail": thumbnail})
