"""What a server's response to a download means: a transient error, a permanent one, or where the file begins."""

from __future__ import annotations

import email.utils
import re
import time
import urllib.parse
from pathlib import Path

import httpx

from backend.models.part_file import PartFile

TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
PAGE_STARTS = (b"<!doctype", b"<html", b"<?xml", b"<head")


class TransientError(Exception):
    """A failure that trying again may get over; the text is a sentence for when it does not.

    Args:
        sentence: says what to do.
        wait: seconds that the server asks for.
    """

    def __init__(self, sentence: str, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait


class PermanentError(Exception):
    """A failure of an address that trying again does not get over; the text is a sentence that says what to do."""


def check_status(response: httpx.Response, url: str, by_hand: Path) -> None:
    """Raise TransientError or PermanentError for a response that brings no file.

    Args:
        response: the server's.
        url: that was asked for.
        by_hand: where the user can put the file.
    """
    status, host = response.status_code, urllib.parse.urlsplit(url).hostname
    if status in (200, 206, 416):
        return
    if status in TRANSIENT_STATUS:
        wait = _retry_after(response)
        when = f"in {wait / 60:.0f} minutes" if wait and wait > 60 else "later"
        busy = "has too many requests" if status == 429 else "does not work at the moment"
        raise TransientError(f"{host} {busy} (HTTP {status}); download again {when}, what has come is kept.", wait)
    if status in (404, 410):
        raise PermanentError(f"The file {url} is not there any more (HTTP {status}); get it elsewhere and add it.")
    raise PermanentError(
        f"{host} does not give the file (HTTP {status}); open {url} in a browser and save the file as {by_hand}."
    )


def start_of(response: httpx.Response, part: PartFile, url: str, size: int | None) -> tuple[int, int | None]:
    """Tell where in the file a response begins.

    Args:
        response: of the status 200, 206 or 416.
        part: what is here.
        url: that was asked for.
        size: of the file, where that is known.

    Returns:
        The byte it begins with: the end of the part, or 0 where the server has another file now, or knows no parts;
        and the size of the whole file, None where nobody says.

    Raises:
        TransientError: the part does not fit and was dropped.
        PermanentError: it is another file than the one that is wanted.
    """
    status, start = response.status_code, 0
    if status == 200:
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() else None
    else:
        found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", response.headers.get("content-range", ""))
        start = int(found[1] or -1) if found else -1
        if start != part.size or not found:
            part.start_over()
            raise TransientError(f"{url} sends another part than the one that is missing; download it again.")
        total = int(found[2])
    if size is not None and total is not None and total != size:
        raise PermanentError(
            f"{url} has {total} bytes instead of {size}: it is not the file that was published; get that elsewhere "
            "and add it."
        )
    return start, total if total is not None else size


def check_kind(response: httpx.Response, first: bytes, url: str, by_hand: Path) -> None:
    """Raise PermanentError for a web page in the place of the file.

    Args:
        response: the server's.
        first: what it began with.
        url: that was asked for.
        by_hand: where the user can put the file.
    """
    is_page = first.lstrip()[:9].lower().startswith(PAGE_STARTS)
    if not is_page and not response.headers.get("content-type", "").startswith("text/html"):
        return
    host = urllib.parse.urlsplit(url).hostname or ""
    if host == "drive.google.com" or host.endswith(".google.com"):
        why = "Google Drive asks for a confirmation first, or has given the file away too often today"
    else:
        why = f"{host} sends a web page instead of the file, to log in perhaps"
    raise PermanentError(f"{why}; open {url} in a browser and save the file as {by_hand}.")


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that a server asks to wait, which it says as such or as a date."""
    text = response.headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    date = email.utils.parsedate_tz(text)
    return max(email.utils.mktime_tz(date) - time.time(), 0) if date else None
