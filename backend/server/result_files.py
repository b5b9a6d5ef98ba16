"""The files of jobs' results, which their clients fetch; each session has those of its latest job."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from backend import pictures
from backend.editing.region import Region
from backend.editing.steps import EditResult
from backend.errors import UserError

Files = tuple[str | None, str | None, str | None]
"""Paths of layer, mask and edit."""

NO_FILES: Files = (None, None, None)


class ResultFiles:
    """The result files in the work folder of the server.

    Args:
        folder: the server's work folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, result: EditResult, next_region: Region, session: str) -> Files:
        """Write the files of a session's latest job in place of those of its earlier ones; the edit, small, first.

        Args:
            result: layer, mask and state of the edit.
            next_region: where the model's image will lie on the layer that the artist gets, for its next edit.
            session: of the client.

        Raises:
            UserError: there is no room for them.
        """
        try:
            place = self.new_folder(session)
            edit, layer, mask = place / "edit.safetensors", place / "layer.png", place / "mask.png"
            result.state.continued(next_region).carried().save(edit)
            return pictures.write_plain(layer, result.layer), pictures.write_plain(mask, result.mask), str(edit)
        except (OSError, UserError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            reason = getattr(cause, "strerror", None) or cause
            raise UserError(
                f"The backend cannot store the result in {self.folder} ({reason}); make room there and run the filter "
                "again in the same way: what was dragged is kept until then."
            ) from error

    def new_folder(self, session: str) -> Path:
        """Delete the files of a session's earlier jobs and return a folder for those of its latest. Raises OSError."""
        self.delete(session)
        self._of(session).mkdir(parents=True)
        return Path(tempfile.mkdtemp(dir=self._of(session)))

    def delete(self, session: str) -> None:
        """Delete the files of a session."""
        shutil.rmtree(self._of(session), ignore_errors=True)

    def sweep(self) -> None:
        """Delete every file of earlier jobs, uploads too; only when nobody is connected."""
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)

    def _of(self, session: str) -> Path:
        # A session's name comes from the client: only its letters and digits go into a path.
        return self.folder / "results" / ("s" + "".join(filter(str.isalnum, session))[:64])
