"""A file over HTTP: resumed after a break, tried again after transient errors, verified before it counts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
import shutil
import ssl
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from backend import __version__
from backend.client.protocol import Flag
from backend.errors import Cancelled, UserError
from backend.models.http_responses import PermanentError, TransientError, check_kind, check_status, start_of
from backend.models.part_file import PartFile
from backend.models.proxies import is_loopback, proxy_for

CONNECT_SECONDS, STALL_SECONDS = 15.0, 30.0
TRIES = 6  # in which nothing comes
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds after the first of them, then twice as long each time
REDIRECTS = 5
CHUNK = 1 << 20  # bytes hashed at a time
TELL_EVERY = 0.2  # seconds
RATE_SECONDS = 8.0  # over which the rate is measured

log = logging.getLogger(__name__)


class Progress(NamedTuple):
    """How far a transfer is: bytes of `total` (None: the server does not say), bytes and seconds to go."""

    done: int
    total: int | None
    rate: float
    seconds_left: float | None


@dataclass(frozen=True)
class Source:
    """The file that is wanted.

    Attributes:
        urls: where it is, mirrors in order.
        size: its bytes, None where nobody knows.
        sha256: None where nobody knows.
        by_hand: where the user can put it when no address works.
    """

    urls: tuple[str, ...]
    size: int | None
    sha256: str | None
    by_hand: Path


def fetch(wanted: Source, part: PartFile, tell: Callable[[Progress], None], cancelled: Flag) -> None:
    """Fetch a file into a part, or the rest of it; at the end it is complete and verified.

    Args:
        wanted: the file.
        part: what is here of it. It stays, whatever happens, unless it is known to be wrong.
        tell: gets the progress several times a second.
        cancelled: whether to end; looked at ten times a second.

    Raises:
        UserError: it cannot be had; the text says what to do.
        Cancelled: `cancelled` was true.
    """
    asyncio.run(_unless_cancelled(_Transfer(wanted, part, tell).run(), cancelled))


async def _unless_cancelled(work: Coroutine[None, None, None], cancelled: Flag) -> None:
    task = asyncio.ensure_future(work)
    while not task.done():
        if cancelled():
            task.cancel()
        await asyncio.wait([task], timeout=0.1)
    if task.cancelled():
        raise Cancelled
    task.result()


class _Transfer:
    """One transfer, from the first attempt to the last."""

    def __init__(self, wanted: Source, part: PartFile, tell: Callable[[Progress], None]) -> None:
        self.wanted, self.part = wanted, part
        self._meter = _Meter(part, tell)
        self._resumed = False

    async def run(self) -> None:
        """Try one mirror after the other, first the one that the part is from. Raises UserError."""
        failure = "There is no address"
        for url in sorted(self.wanted.urls, key=lambda url: url != self.part.notes.url):
            try:
                return await self._from_mirror(url)
            except PermanentError as error:
                log.warning("%s", error)
                failure = str(error)
        raise UserError(failure)

    async def _from_mirror(self, url: str) -> None:
        """Try until the file is here, or nothing comes any more. Raises PermanentError, UserError."""
        failures = 0
        while True:
            before = self.part.size
            try:
                if not (self.part.is_complete and self.part.notes.url == url):
                    await self._attempt(url)
                return await self._verify(url)
            except TransientError as error:
                failures = failures + 1 if self.part.size <= before else 1
                log.info("attempt %d: %s", failures, error)
                if failures >= TRIES or (error.wait or 0) > LONGEST_PAUSE:
                    raise PermanentError(str(error)) from error
                await asyncio.sleep(min(max(error.wait or 0, PAUSE * 2 ** (failures - 1)), LONGEST_PAUSE))

    async def _attempt(self, url: str) -> None:
        """Ask once for what is missing. Raises TransientError, PermanentError, UserError."""
        host = urllib.parse.urlsplit(url).hostname
        try:
            async with contextlib.AsyncExitStack() as stack:
                response = await self._open(stack, url)
                await self._receive(response, url)
        except httpx.TimeoutException as error:
            raise TransientError(f"{host} has stopped sending; download again later, what has come is kept.") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise PermanentError(f"The address {url} leads to none that is safe; get the file elsewhere.") from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise PermanentError(
                    f"{host} cannot prove who it is ({error}); check this computer's clock and its network."
                ) from error
            raise TransientError(
                f"{host} cannot be reached, or has broken off ({error or type(error).__name__}); check the connection "
                "to the internet and download again, what has come is kept."
            ) from error
        except OSError as error:
            raise UserError(
                f"{self.part.path} cannot be written ({error.strerror or error}); make room there and download again."
            ) from error

    async def _open(self, stack: contextlib.AsyncExitStack, url: str) -> httpx.Response:
        """Ask for the file, along redirects, each through its own proxy. Raises PermanentError and httpx's errors."""
        headers = {"User-Agent": f"draggan-gimp/{__version__}", "Accept-Encoding": "identity"}
        notes = self.part.notes
        if self.part.size and notes.validator and notes.url == url:
            headers |= {"Range": f"bytes={self.part.size}-", "If-Range": notes.validator}
        place = url
        for _ in range(REDIRECTS + 1):
            # plain http could be changed on its way; on this machine it has none, and tests can be run
            if not (place.startswith("https://") or (place.startswith("http://") and is_loopback(place))):
                raise PermanentError(
                    f"{url} leads to {place}, which is not encrypted; get the file elsewhere and add it."
                )
            client = httpx.AsyncClient(
                proxy=proxy_for(place), trust_env=False, verify=_certificates(), headers=headers,
                timeout=httpx.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS),
            )  # fmt: skip
            await stack.enter_async_context(client)
            response = await stack.enter_async_context(client.stream("GET", place))
            if response.next_request is None:
                return response
            place = str(response.next_request.url)
        raise PermanentError(f"{url} leads in circles; get the file elsewhere and add it.")

    async def _receive(self, response: httpx.Response, url: str) -> None:
        """Write what a response brings behind the part, or in its place.

        Raises:
            TransientError, PermanentError, UserError, OSError: it brings no file, or not all of it.
        """
        check_status(response, url, self.wanted.by_hand)
        start, total = start_of(response, self.part, url, self.wanted.size)
        self._resumed = start > 0
        self._check_space(start, total)
        self._meter.total = total
        chunks = response.aiter_raw()
        first = await anext(chunks, b"")
        check_kind(response, first, url, self.wanted.by_hand)
        if not start:
            self.part.start_over()
        self.part.note(url=url, validator=_validator(response), total=total)
        with open(self.part.path, "ab") as file:
            file.write(first)
            async for chunk in chunks:
                file.write(chunk)
                self._meter.tell(file.tell())
                if total is not None and file.tell() > total:
                    break
        self._check_length(url, total)

    def _check_length(self, url: str, total: int | None) -> None:
        if total is None:
            self.part.note(total=self.part.size)
        elif self.part.size > total:
            self.part.start_over()
            raise PermanentError(f"{url} sends more than it says; get the file elsewhere and add it.")
        elif self.part.size < total:
            raise TransientError(f"{url} has broken off; download again, what has come is kept.")

    def _check_space(self, start: int, total: int | None) -> None:
        """Raise UserError where the rest of the file and its converted copy, which is smaller, find no room."""
        needed, folder = 2 * (total or self.wanted.size or 0) - start, self.part.path.parent
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise UserError(
                f"The model needs {needed / 1e6:.0f} MB in {folder}, for the download and its converted copy, but only "
                f"{free / 1e6:.0f} MB are free; make room there and download again."
            )

    async def _verify(self, url: str) -> None:
        """Compare the checksum. Raises TransientError the first time for what was put together, else PermanentError."""
        if self.wanted.sha256 is None:
            return
        digest = hashlib.sha256()
        with open(self.part.path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                await asyncio.sleep(0)  # where a cancelled transfer ends
        if digest.hexdigest() == self.wanted.sha256:
            return
        self.part.start_over()
        if self._resumed:
            self._resumed = False
            raise TransientError(f"What came of {url} in several parts does not fit together; download it again.")
        raise PermanentError(
            f"What {url} sends is not the file that was published (another checksum), and was deleted; "
            "download again later, or get the file elsewhere and add it."
        )


class _Meter:
    """Tells how far a transfer is, and how fast it was over the last seconds."""

    def __init__(self, part: PartFile, tell: Callable[[Progress], None]) -> None:
        self.total = part.notes.total
        self._tell, self._marks = tell, deque[tuple[float, int]]()

    def tell(self, done: int) -> None:
        """Tell, unless that was done just now."""
        now = time.monotonic()
        if self._marks and now - self._marks[-1][0] < TELL_EVERY:
            return
        self._marks.append((now, done))
        while now - self._marks[0][0] > RATE_SECONDS:
            self._marks.popleft()
        before, done_before = self._marks[0]
        rate = max(done - done_before, 0) / (now - before) if now > before else 0.0
        left = (self.total - done) / rate if self.total is not None and rate else None
        self._tell(Progress(done, self.total, rate, left))


def _validator(response: httpx.Response) -> str:
    """By which a later request asks whether the file is still the same: a strong ETag, else its date."""
    etag = response.headers.get("etag", "")
    return etag if etag.startswith('"') else response.headers.get("last-modified", "")


@functools.cache
def _certificates() -> ssl.SSLContext:
    """httpx's own list of authorities, and the system's, where a company's proxy may have added its own."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
