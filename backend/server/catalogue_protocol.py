"""What clients ask about models, and what they are told: part of the protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.models.catalogue import Licence
from backend.server.protocol import Incoming, Text


class ListOptions(Incoming):
    """How models are to be listed: with their samples, or without."""

    thumbnails: Annotated[bool, Field(strict=True)] = False


class NameOption(Incoming):
    """Which model is meant."""

    name: Text


class DownloadOptions(NameOption):
    """Which model is to be fetched, and whether the artist has accepted its licence."""

    accept_licence: Annotated[bool, Field(strict=True)] = False


class AddOptions(NameOption):
    """Which file of this computer is to be added, and what the model is called from then on."""

    path: Text


class ListedModel(BaseModel):
    """A model that is here, or could be.

    Attributes:
        name: by which it is chosen.
        title: as the artist reads it.
        state: "here" can be dragged with; "downloadable" has an address; "manual" has none: its file is to be put at
            `path_to_place`; the others are under way.
        bytes: of the file that is here, or of the download, perhaps only about; None where nobody knows.
        height, width: of its images; None of a file that cannot be read.
        classes: how many it has, 0 for none, None where nobody has looked.
        licence: of its weights.
        accepted: whether a download needs no `accept_licence` any more.
        shows: what is in its images. "" where nobody knows, as in `hint`: how a picture must look.
        path_to_place: where the file can be put by hand; None of one that is here.
        where: one sentence on where to look for a file without an address, "" where there is none.
        removable: whether it can be deleted.
        embedded: whether it comes with the program.
        thumbnail: four samples side by side, a PNG file in base64; None where they were not asked for, or are drawn
            just now.
    """

    name: str
    title: str
    state: Literal["here", "downloadable", "manual", "downloading", "converting"]
    bytes: int | None
    height: int | None
    width: int | None
    classes: int | None = None
    licence: Licence
    accepted: bool
    shows: str
    hint: str
    path_to_place: str | None = None
    where: str = ""
    removable: bool = False
    embedded: bool = False
    thumbnail: str | None = None


class DownloadState(BaseModel):
    """How far the download or import under way is: the fields of State in backend/models/downloads.py."""

    name: str
    phase: Literal["downloading", "converting", "failed"]
    done_bytes: int
    total_bytes: int | None
    rate: float
    seconds_left: float | None
    error: str | None


class ModelList(BaseModel):
    """All models, those that are here first, and what is fetched or added just now."""

    models: list[ListedModel]
    download: DownloadState | None
