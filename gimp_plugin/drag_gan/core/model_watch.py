"""The backend's models as they change: asked for again and again, and changed as the artist wants. Nothing of GIMP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from backend.client import Backend, Connection
from backend.client.catalogue import ListedModel, ModelList, list_models
from backend.errors import UserError
from core.i18n import translated
from core.watch import IDLE_SECONDS, Watch

BUSY_SECONDS = 0.5  # between two questions while something is fetched
LONGEST_SECONDS = 60.0  # where nobody answers, each pause is twice as long as the one before

log = logging.getLogger("draggan.models")
Command = Callable[[Connection], ModelList]


class Seen(NamedTuple):
    """What is known of the models.

    Args:
        listing: as it was last answered, with all samples that have come; None before the first answer.
        problem: one sentence on why the last command was refused, or why nobody answers; "" where all is well.
    """

    listing: ModelList | None
    problem: str


class ModelWatch(Watch[Command, Seen]):
    """Asks again and again; a command's answer is seen like any other.

    Args:
        backend: is started if it does not run.
        seen: is given what is known, in the thread.
        with_samples: whether the models' samples are asked for.
    """

    def __init__(self, backend: Backend, seen: Callable[[Seen], None], with_samples: bool = False) -> None:
        super().__init__(seen)
        self._backend, self._with_samples = backend, with_samples
        self._samples: dict[tuple[str, int | None], bytes] = {}
        self._listing: ModelList | None = None
        self._refusal = ""
        self._logged = ""
        self._pause = IDLE_SECONDS
        self.start()

    def look(self) -> None:
        """Ask now."""
        self.do(list_models)

    def _answer(self, command: Command | None) -> Seen:
        """Do a command, or just ask. Raises Cancelled when it was closed meanwhile."""
        if command:
            self._refusal = ""
        try:
            connection = self._backend.connect(self._closed.is_set)
            self._listing = self._with_all_samples((command or self._list)(connection))
            self._log(self._listing)
            self._pause = BUSY_SECONDS if self._is_busy(self._listing) else IDLE_SECONDS
            return Seen(self._listing, self._refusal)
        except UserError as error:
            log.info("%s", error)
            if command:
                self._refusal = translated(error)
            else:
                self._pause = min(2 * self._pause, LONGEST_SECONDS)
            return Seen(self._listing, translated(error))

    def _list(self, connection: Connection) -> ModelList:
        return list_models(connection, self._lacks_samples(self._listing))

    def _is_busy(self, listing: ModelList) -> bool:
        under_way = listing.download is not None and listing.download.phase != "failed"
        return under_way or self._lacks_samples(listing)

    def _lacks_samples(self, listing: ModelList | None) -> bool:
        """Whether samples are wanted that have not come: they are drawn when they are asked for."""
        if listing is None or not self._with_samples:
            return self._with_samples
        return any(model.state == "here" and model.height and not model.thumbnail for model in listing.models)

    def _log(self, listing: ModelList) -> None:
        here = [model.name for model in listing.models if model.state == "here"]
        line = (
            f"here: {here}, {f'{listing.download.name}: {listing.download.phase}' if listing.download else 'at rest'}"
        )
        if line != self._logged:
            log.info("%s", line)
            self._logged = line

    def _with_all_samples(self, listing: ModelList) -> ModelList:
        """Return the list with the samples that came with it or with one before."""
        self._samples |= {_key(model): model.thumbnail for model in listing.models if model.thumbnail}
        models = tuple(replace(model, thumbnail=self._samples.get(_key(model))) for model in listing.models)
        return replace(listing, models=tuple(map(_translated, models)))


def _translated(model: ListedModel) -> ListedModel:
    return replace(
        model,
        title=translated(model.title),
        shows=translated(model.shows),
        hint=translated(model.hint),
        where=translated(model.where),
    )


def _key(model: ListedModel) -> tuple[str, int | None]:
    return model.name, model.bytes
