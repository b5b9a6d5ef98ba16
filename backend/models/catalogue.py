"""What is known of published model files: where they come from, their licence, what they show, their drag preset."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Text = Annotated[str, Field(min_length=1)]
Address = Annotated[str, Field(pattern=r"^https?://[!-~]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Licence(_Strict):
    """Under what terms weights are given away.

    Attributes:
        name: as its authors or SPDX call it.
        link: to its text, None where there is none.
        non_commercial: whether it allows no commercial use.
    """

    name: Text
    link: Address | None
    non_commercial: bool

    @property
    def short(self) -> str:
        """In at most 14 letters."""
        return self.name if len(self.name) <= 14 else "non-commercial" if self.non_commercial else self.name[:14]


class Entry(_Strict):
    """A published model.

    Attributes:
        name: by which it is chosen.
        title: as an artist reads it.
        shows: one sentence on what is in its images.
        hint: one sentence on how a picture must look.
        file: what the original is called in the models folder when it is put there by hand.
        urls: addresses of the file, mirrors in order; none where it can only be put there by hand.
        bytes: the file's exact size, None where it is not known.
        about_bytes: about its size where only that is known.
        sha256: of the file, None where it is not known.
        licence: of the weights.
        height, width: of its images in pixels.
        usable_height: rows in the middle of its images that hold the subject, None for all of them.
        aligned_faces: whether a face has to be aligned as those of FFHQ are.
        where: one sentence on where to look for a file without an address.
        preset: the constants of drag and inversion, by the names that preset_for() takes.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Text
    shows: Text
    hint: Text
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*\.(pkl|pt)$")]
    urls: tuple[Address, ...]
    bytes: Count | None
    about_bytes: Count | None
    sha256: Sha256 | None
    licence: Licence
    height: Count
    width: Count
    usable_height: Count | None = None
    aligned_faces: bool = False
    where: Text | None = None
    preset: dict[str, JsonValue]

    @property
    def download_bytes(self) -> int | None:
        """The file's size, exactly or about."""
        return self.bytes or self.about_bytes

    @property
    def makes(self) -> str:
        """What its images are of: "human faces" of the title "Human faces (FFHQ)"."""
        subject = self.title.partition(" (")[0]
        return subject[:1].lower() + subject[1:]


class Catalogue(_Strict):
    """The content of catalogue.json."""

    about: list[str]
    models: tuple[Entry, ...]


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Return all entries of catalogue.json, in its order."""
    return Catalogue.model_validate_json(Path(__file__).with_name("catalogue.json").read_bytes()).models


def by_name(name: str) -> Entry | None:
    """Return the entry called `name`, or None."""
    return next((entry for entry in entries() if entry.name == name), None)


def by_sha256(digest: str) -> Entry | None:
    """Return the entry of the file with this SHA-256 (64 lower-case hexadecimal digits), or None."""
    return next((entry for entry in entries() if entry.sha256 == digest), None)
