"""Files that appear whole or not at all. Standard library only: the installer uses it, too."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.errors import UserError

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file written there takes the place of `path` at the end.

    When anything fails, `path` is as it was and nothing else is left.

    Raises:
        UserError: the system refuses it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"{path} could not be written ({error.strerror or error}); choose a folder you can write to."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text_whole(path: Path, text: str) -> None:
    """Write a small file, UTF-8, so that it is there whole or not at all. Raises UserError."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def replace(source: Path, target: Path) -> None:
    """Rename, trying again for a moment: on Windows another program, a virus scanner say, may hold a file open.

    Raises OSError when it stays so.
    """
    for pause in PAUSES:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(pause)
    os.replace(source, target)
