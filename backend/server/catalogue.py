"""The models as a client sees them: what is here, what can be fetched, how far that is; and what changes it.

All of it is answered at once, while a job runs, too: what takes time is done in another thread or process.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from backend.models import catalogue, downloads, licences, models, records, store
from backend.models.catalogue import Entry, Licence
from backend.models.downloads import Downloads
from backend.models.models import EMBEDDED, Offered
from backend.models.thumbnails import Thumbnails
from backend.server.catalogue_protocol import (
    AddOptions,
    DownloadOptions,
    DownloadState,
    ListedModel,
    ListOptions,
    ModelList,
    NameOption,
)
from backend.server.protocol import read

CC0 = Licence(name="CC0-1.0", link="https://creativecommons.org/publicdomain/zero/1.0/legalcode", non_commercial=False)
EMBEDDED_SHOWS = "Heads of toy animals, rendered."
EMBEDDED_HINT = "The head of a toy animal like those of New Sample Image."


class ModelCatalogue:
    """Answers what clients ask of models, and does what they want done with them."""

    def __init__(self) -> None:
        self.downloads, self._thumbnails = Downloads(), Thumbnails()

    def close(self) -> None:
        """End all that is under way because the backend ends; a download is resumed by the next one."""
        self.downloads.close()
        self._thumbnails.close()

    def models(self, options: Any) -> dict[str, Any]:
        """List all models, those that are here first.

        Args:
            options: {"thumbnails": whether the samples of those that are here come with it}.

        Raises:
            UserError: the request makes no sense.
        """
        asked = read(ListOptions, {} if options is None else options)
        here = models.offered()
        names = {model.name for model in here}
        listed = [self._here(model, asked.thumbnails) for model in here]
        listed += [self._elsewhere(entry) for entry in catalogue.entries() if entry.name not in names]
        return ModelList(models=listed, download=self._download()).model_dump(mode="json")

    def download(self, options: Any) -> dict[str, Any]:
        """Start a download and answer as models() does. Raises UserError."""
        asked = read(DownloadOptions, options)
        entry = catalogue.by_name(asked.name)
        if asked.accept_licence and entry is not None:
            licences.accept(entry)
        self.downloads.start(asked.name)
        return self.models(None)

    def cancel_download(self) -> dict[str, Any]:
        """End the download or import under way, or forget that it failed, and answer as models() does."""
        self.downloads.cancel()
        return self.models(None)

    def add(self, options: Any) -> dict[str, Any]:
        """Start the import of a file of this computer and answer as models() does. Raises UserError."""
        asked = read(AddOptions, options)
        self.downloads.add(Path(asked.path), asked.name)
        return self.models(None)

    def remove(self, options: Any) -> dict[str, Any]:
        """Delete a model, or what has come of its download, and answer as models() does. Raises UserError."""
        name = read(NameOption, options).name
        state = self.downloads.state
        if state is not None and state.name == name:
            self.downloads.cancel()
        if not downloads.discard_part(name) or name in models.stored():
            store.remove(name)
        return self.models(None)

    def _here(self, model: Offered, with_thumbnail: bool) -> ListedModel:
        entry, is_embedded = model.entry, model.name == EMBEDDED
        height, width = model.size or (None, None)
        sheet = self._thumbnails.get(model) if with_thumbnail and model.size else None
        return ListedModel(
            name=model.name,
            title=model.title,
            state="here",
            bytes=_size_of(model.path),
            height=height,
            width=width,
            classes=model.classes,
            licence=_licence_of(model),
            accepted=True,
            shows=EMBEDDED_SHOWS if is_embedded else entry.shows if entry else "",
            hint=EMBEDDED_HINT if is_embedded else entry.hint if entry else "",
            removable=not is_embedded,
            embedded=is_embedded,
            thumbnail=base64.b64encode(sheet).decode("ascii") if sheet else None,
        )

    def _elsewhere(self, entry: Entry) -> ListedModel:
        state = self.downloads.state
        phase = state.phase if state is not None and state.name == entry.name and state.phase != "failed" else None
        return ListedModel(
            name=entry.name,
            title=entry.title,
            state=phase or ("downloadable" if entry.urls else "manual"),
            bytes=entry.download_bytes,
            height=entry.height,
            width=entry.width,
            licence=entry.licence,
            accepted=licences.is_accepted(entry),
            shows=entry.shows,
            hint=entry.hint,
            path_to_place=str(models.place_by_hand(entry)),
            where=entry.where or "",
        )

    def _download(self) -> DownloadState | None:
        state = self.downloads.state
        return DownloadState.model_validate(vars(state)) if state is not None else None


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _licence_of(model: Offered) -> Licence:
    if model.name == EMBEDDED:
        return CC0
    record = records.record_of(model.path)
    if record is not None and record.licence is not None:
        return record.licence
    if model.entry is not None:
        return model.entry.licence
    return Licence(name=model.licence or "unknown", link=None, non_commercial=False)
