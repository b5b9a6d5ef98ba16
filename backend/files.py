"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.errors import UserError
from stylegan2.files import replace_file


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file written there takes the place of `path` at the end.

    When anything fails, `path` is as it was and nothing else is left. Raises UserError for what the system refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        replace_file(temporary, path)
    except OSError as error:
        raise UserError(
            f"{path} could not be written ({error.strerror or error}); choose a folder you can write to."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
