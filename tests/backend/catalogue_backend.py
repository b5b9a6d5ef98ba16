"""The backend with another catalogue, for tests: `python catalogue_backend.py CATALOGUE.json COMMAND ...`."""

from __future__ import annotations

import sys
from pathlib import Path

from backend.__main__ import main
from backend.models import catalogue
from backend.models.catalogue import Entry

PROGRAM = str(Path(__file__).resolve())


def write_catalogue(file: Path, *entries: Entry) -> tuple[str, ...]:
    """Write a catalogue, and return what Python has to run to have it."""
    about = catalogue.Catalogue(about=[], models=entries)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(about.model_dump_json(), encoding="utf-8")
    return PROGRAM, str(file)


if __name__ == "__main__":
    read = catalogue.Catalogue.model_validate_json(Path(sys.argv[1]).read_bytes()).models
    catalogue.entries = lambda: read
    sys.exit(main(sys.argv[2:]))
