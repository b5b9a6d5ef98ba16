"""What has come of a download so far, and what is needed to go on with it, also after the process was killed."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.files import write_text_whole


class Notes(BaseModel):
    """What is written down beside the part.

    Attributes:
        name: of the model.
        url: that the part came from; of another it may be another file.
        validator: the file's ETag or date there, by which a server says that it is still the same.
        total: bytes of the whole file, None where the server did not say.
        wanted: whether a starting backend is to resume it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    url: str = ""
    validator: str = ""
    total: int | None = None
    wanted: bool = True


class PartFile:
    """A file that is being downloaded: FILE.part and, beside it, FILE.part.json.

    Args:
        file: where the file would be.
        name: of the model.
    """

    ENDING = ".part"

    def __init__(self, file: Path, name: str) -> None:
        self.path = file.with_name(file.name + self.ENDING)
        self._notes_file = file.with_name(f"{file.name}{self.ENDING}.json")
        self.notes = self._read() or Notes(name=name)

    @classmethod
    def all_in(cls, folder: Path) -> list[PartFile]:
        """Return those in a folder whose notes can be read."""
        files = sorted(folder.glob(f"*{cls.ENDING}.json"))
        parts = [cls(file.with_name(file.name.removesuffix(f"{cls.ENDING}.json")), "") for file in files]
        return [part for part in parts if part.notes.name]

    @property
    def is_begun(self) -> bool:
        """Whether there is anything of it here."""
        return self._notes_file.exists() or self.path.exists()

    @property
    def size(self) -> int:
        """Bytes that are here."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are here; nobody has verified them."""
        return self.notes.total is not None and self.size == self.notes.total

    def note(self, **changes: object) -> None:
        """Change the notes. Raises UserError when they cannot be written."""
        self.notes = self.notes.model_copy(update=changes)
        write_text_whole(self._notes_file, self.notes.model_dump_json())

    def start_over(self) -> None:
        """Drop the bytes that are here. Raises OSError."""
        self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete it all. Raises OSError."""
        self.path.unlink(missing_ok=True)
        self._notes_file.unlink(missing_ok=True)

    def _read(self) -> Notes | None:
        try:
            return Notes.model_validate_json(self._notes_file.read_bytes())
        except (OSError, ValidationError):
            return None
