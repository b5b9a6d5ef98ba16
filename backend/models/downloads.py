"""Published models, fetched and taken into the store: one at a time, in a thread that nothing waits for."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backend import paths
from backend.client.protocol import Flag
from backend.errors import Cancelled, UserError
from backend.models import catalogue, licences, models, store
from backend.models.catalogue import Entry
from backend.models.conversion import sole_writer, take_in
from backend.models.part_file import PartFile
from backend.models.transfer import Progress, Source, fetch
from stylegan2.errors import ModelError

Phase = Literal["downloading", "converting", "failed"]
END_SECONDS = 1.0  # for which a cancelled download is waited for

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """How far the one download is, or an import.

    Attributes:
        name: of the model.
        phase: what is done now; "failed" stays until the next download, or until it is cancelled.
        done_bytes: of `total_bytes`, None where nobody knows.
        rate: bytes a second.
        seconds_left: None where nobody knows.
        error: one sentence, where it failed.
    """

    name: str
    phase: Phase
    done_bytes: int = 0
    total_bytes: int | None = None
    rate: float = 0.0
    seconds_left: float | None = None
    error: str | None = None


Tell = Callable[[State], None]


def download(name: str, tell: Tell, cancelled: Flag = lambda: False) -> Path:
    """Fetch a published model and take it into the store; go on where a download before this one ended.

    Args:
        name: in the catalogue; its licence has been accepted.
        tell: gets the state several times a second.
        cancelled: whether to end; what has come stays.

    Returns:
        The store's file.

    Raises:
        UserError, ModelError: it cannot be had; the text says what to do.
        Cancelled: `cancelled` was true.
    """
    entry = check(name)
    with sole_writer():
        _make(paths.models_folder())
        part = _part(entry)
        part.note(wanted=True)
        try:
            _fetch(entry, part, tell, cancelled)
            tell(State(name, "converting", part.size, part.size))
            file = take_in(part.path, name, entry, cancelled=cancelled)
        except Cancelled:
            raise
        except BaseException:  # Ctrl+C, too: a starting backend does not go on with what was given up
            part.note(wanted=False)
            raise
        with contextlib.suppress(OSError):  # the model is here all the same; `models remove` tries again
            part.discard()
        return file


def _fetch(entry: Entry, part: PartFile, tell: Tell, cancelled: Flag) -> None:
    size = entry.download_bytes

    def told(progress: Progress) -> None:
        tell(State(entry.name, "downloading", progress.done, progress.total or size, *progress[2:]))

    tell(State(entry.name, "downloading", part.size, part.notes.total or size))
    fetch(Source(entry.urls, entry.bytes, entry.sha256, models.place_by_hand(entry)), part, told, cancelled)


def check(name: str, without_licence: bool = False) -> Entry:
    """Return the entry of a model that can be downloaded now, `without_licence` perhaps. Raises UserError."""
    entry = catalogue.by_name(name)
    if entry is None:
        raise UserError(f'"{name}" is no published model; `python -m backend models list --all` shows them.')
    if name in models.stored():
        raise UserError(f'The model "{name}" is on this computer already; remove it first to get it again.')
    if not entry.urls:
        where = f" {entry.where}" if entry.where else ""
        raise UserError(
            f'No address is known of the model "{name}"; place its file here yourself: {models.place_by_hand(entry)}.'
            f"{where}"
        )
    if not (without_licence or licences.is_accepted(entry)):
        raise UserError(f'The licence of the model "{name}", {entry.licence.name}, has to be accepted first.')
    return entry


def discard_part(name: str) -> bool:
    """Delete what has come of a download; return whether there was anything. Raises UserError."""
    entry = catalogue.by_name(name)
    part = _part(entry) if entry else None
    if part is None or not part.is_begun:
        return False
    try:
        with sole_writer():
            part.discard()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{part.path} cannot be deleted ({reason}); end what uses it and try again.") from error
    return True


def _part(entry: Entry) -> PartFile:
    return PartFile(models.place_by_hand(entry), entry.name)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The models folder {folder} cannot be made ({error.strerror}); mend that.") from error


class Downloads:
    """The one download of a running backend, or import, in a thread of its own. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: State | None = None
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()

    @property
    def state(self) -> State | None:
        """How far it is; None when nothing is done and nothing has failed."""
        return self._state

    @property
    def is_busy(self) -> bool:
        """Whether something is fetched or converted."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, name: str) -> None:
        """Start a download. Raises UserError when it cannot be, or another one is under way."""
        entry = check(name)
        self._start(State(name, "downloading", 0, entry.download_bytes), download)

    def add(self, file: Path, name: str) -> None:
        """Start the import of a file. Raises UserError when it cannot be, or something else is under way."""
        path = store.check_addition(file, name)

        def work(name: str, tell: Tell, cancelled: Flag) -> None:
            store.add(path, name, cancelled=cancelled)

        self._start(State(name, "converting"), work)

    def cancel(self) -> None:
        """End what is under way; what has come of a download stays, but is not gone on with unless asked for again."""
        self._end()
        state, self._state = self._state, None
        entry = catalogue.by_name(state.name) if state else None
        if entry is not None and (part := _part(entry)).is_begun:
            part.note(wanted=False)

    def resume(self) -> None:
        """Resume the download that was under way when the last backend ended."""
        for part in PartFile.all_in(paths.models_folder()):
            try:
                if part.notes.wanted:
                    self.start(part.notes.name)
                    return
            except UserError as error:
                log.info("not resumed: %s: %s", part.notes.name, error)

    def close(self) -> None:
        """End what is under way because the backend ends; the next one goes on with it."""
        self._end()

    def _end(self) -> None:
        self._cancelled.set()
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _start(self, state: State, work: Callable[[str, Tell, Flag], object]) -> None:
        with self._lock:
            if self.is_busy:
                raise UserError("Another model is being fetched or added; wait until that is done, or cancel it.")
            self._state, cancelled = state, threading.Event()
            self._cancelled = cancelled
            self._thread = threading.Thread(target=self._run, args=(state.name, work, cancelled), daemon=True)
            self._thread.start()

    def _run(self, name: str, work: Callable[[str, Tell, Flag], object], cancelled: threading.Event) -> None:
        try:
            work(name, self._tell, cancelled.is_set)
            self._state = None
            log.info("%s is here", name)
        except Cancelled:
            log.info("%s was cancelled", name)
        except (UserError, ModelError) as error:
            log.warning("%s: %s", name, error)
            self._state = State(name, "failed", error=str(error))
        except Exception:
            log.exception("%s", name)
            error = f"Something unexpected went wrong; what it was is written in {paths.log_file()}."
            self._state = State(name, "failed", error=error)

    def _tell(self, state: State) -> None:
        self._state = state
