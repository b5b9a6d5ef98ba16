"""What is known of published model files: where they come from, their licence, their drag preset."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
"""One model: name, title, url, file, format, sha256, licence, height, width (pixels), preset."""


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Return all entries of catalogue.json, in its order; they must not be changed."""
    text = Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8")
    return tuple(json.loads(text)["models"])


def by_name(name: str) -> Entry | None:
    """Return the entry called `name`, or None."""
    return next((entry for entry in entries() if entry["name"] == name), None)


def makes(entry: Entry | None) -> str:
    """Return what an entry's model makes pictures of: "human faces" of the title "Human faces (FFHQ)"; "" of None."""
    title = entry["title"].partition(" (")[0] if entry else ""
    return title[:1].lower() + title[1:]


def by_sha256(digest: str) -> Entry | None:
    """Return the entry of the file with this SHA-256 (64 lower-case hexadecimal digits), or None."""
    return next((entry for entry in entries() if entry["sha256"] == digest), None)
