"""A file over HTTP from a server that misbehaves: in the end the file is right, or there is one sentence."""

from __future__ import annotations

import hashlib
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import Cancelled, UserError
from backend.models import transfer
from backend.models.part_file import PartFile
from backend.models.transfer import Progress, Source, fetch
from tests.backend.file_server import (
    Answer,
    FileServer,
    breaks_after,
    ignores_range,
    says,
    serving,
    stalls_after,
    well,
)

CONTENT = random.Random(1).randbytes(400_000)
THIRD = len(CONTENT) // 3
SELF_SIGNED = Path(__file__).parents[2] / "data" / "self_signed.pem"
PAGE = b"<!DOCTYPE html><title>Google Drive - Virus scan warning</title>"


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSE", 0.01)
    monkeypatch.setattr(transfer, "STALL_SECONDS", 0.3)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> PartFile:
    return PartFile(tmp_path / "model.pkl", "models")


def wanted(*urls: str, size: int | None = None, sha256: str | None = "", by_hand: str = "model.pkl") -> Source:
    digest = hashlib.sha256(CONTENT).hexdigest() if sha256 == "" else sha256
    return Source(urls, size, digest, Path(by_hand))


def fetched(what: Source, part: PartFile) -> list[Progress]:
    """Fetch, and check that the file is right."""
    told: list[Progress] = []
    fetch(what, part, told.append, lambda: False)
    assert part.path.read_bytes() == CONTENT
    assert part.is_complete
    return told


def refusal(what: Source, part: PartFile) -> str:
    """The one sentence by which a fetch fails."""
    with pytest.raises(UserError) as refused:
        fetch(what, part, lambda _: None, lambda: False)
    text = str(refused.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_a_file_is_fetched_and_its_progress_told(server: FileServer, part: PartFile) -> None:
    server.bytes_per_second = 400_000
    told = fetched(wanted(server.url), part)
    assert server.ranges == [None]
    assert all(progress.total == len(CONTENT) for progress in told)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert 200_000 < told[-1].rate < 500_000
    assert told[-1].seconds_left is not None


@pytest.mark.parametrize("answer", [breaks_after(THIRD), stalls_after(THIRD, 1.0)])
def test_a_broken_or_stalled_connection_is_gone_on_with_where_it_ended(
    server: FileServer, part: PartFile, answer: Answer
) -> None:
    server.answers = [answer, answer]
    fetched(wanted(server.url), part)
    assert server.ranges == [None, f"bytes={THIRD}-", f"bytes={2 * THIRD}-"]


def test_a_later_download_goes_on_with_what_is_here(server: FileServer, part: PartFile, tmp_path: Path) -> None:
    server.answers = [breaks_after(THIRD), *[says(503)] * (transfer.TRIES - 1)]
    assert "what has come is kept" in refusal(wanted(server.url), part)
    server.ranges = []
    fetched(wanted(server.url), PartFile(tmp_path / "model.pkl", ""))
    assert server.ranges == [f"bytes={THIRD}-"]


def test_a_file_that_is_complete_is_not_asked_for_again(server: FileServer, part: PartFile) -> None:
    fetched(wanted(server.url), part)
    fetched(wanted(server.url), part)
    assert server.ranges == [None]


def test_a_server_that_ignores_the_range_is_read_from_the_start(server: FileServer, part: PartFile) -> None:
    server.answers = [breaks_after(THIRD), ignores_range]
    fetched(wanted(server.url), part)


def test_another_etag_means_another_file_and_starts_over(server: FileServer, part: PartFile) -> None:
    old, server.content = server.content, bytes(reversed(CONTENT))

    def changed(handler: object) -> None:
        server.content, server.etag = old, '"second"'
        well(handler)  # pyright: ignore[reportArgumentType]

    server.answers = [breaks_after(THIRD), changed]
    fetched(wanted(server.url), part)
    assert server.ranges == [None, f"bytes={THIRD}-"]


def test_a_server_that_says_nothing_of_the_file_is_never_asked_for_a_part(server: FileServer, part: PartFile) -> None:
    server.etag = 'W/"weak"'
    server.answers = [breaks_after(THIRD)]
    fetched(wanted(server.url), part)
    assert server.ranges == [None, None]


def test_parts_that_do_not_fit_together_are_fetched_anew_once(server: FileServer, part: PartFile) -> None:
    def other(handler: object) -> None:
        server.content = b"x" * len(CONTENT)
        well(handler)  # pyright: ignore[reportArgumentType]
        server.content = CONTENT

    server.answers = [breaks_after(THIRD), other]
    fetched(wanted(server.url), part)
    assert server.ranges == [None, f"bytes={THIRD}-", None]


def test_a_wrong_byte_is_found_and_the_file_deleted(server: FileServer, part: PartFile) -> None:
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    assert "not the file that was published (another checksum), and was deleted" in refusal(wanted(server.url), part)
    assert not part.path.exists()


def test_without_a_known_checksum_the_size_has_to_be_right(server: FileServer, part: PartFile) -> None:
    server.answers = [breaks_after(THIRD)]
    fetched(wanted(server.url, sha256=None), part)


def test_a_file_of_another_size_is_refused_before_it_is_read(server: FileServer, part: PartFile) -> None:
    assert "400000 bytes instead of 17" in refusal(wanted(server.url, size=17), part)
    assert not part.path.exists()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_can_pass_is_asked_for_again(server: FileServer, part: PartFile, status: int) -> None:
    server.answers = [says(status), says(status)]
    fetched(wanted(server.url), part)


def test_a_server_is_given_the_time_that_it_asks_for(server: FileServer, part: PartFile) -> None:
    server.answers = [says(429, Retry_After="1")]
    started = time.monotonic()
    fetched(wanted(server.url), part)
    assert time.monotonic() - started >= 1


def test_a_server_that_asks_for_an_hour_is_left_alone(server: FileServer, part: PartFile) -> None:
    server.answers = [says(429, Retry_After="3600")]
    text = refusal(wanted(server.url), part)
    assert text == "127.0.0.1 has too many requests (HTTP 429); download again in 60 minutes, what has come is kept."
    assert len(server.ranges) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(404), "is not there any more (HTTP 404); get it elsewhere and add it"),
        (says(403), "does not give the file (HTTP 403); open http"),
        (says(200, PAGE), "sends a web page instead of the file"),
        (says(200, b"Please log in", Content_Type="text/html; charset=utf-8"), "and save the file as model.pkl"),
        (says(302, Location="http://example.com/model.pkl"), "which is not encrypted"),
        (says(302, Location="ftp://127.0.0.1/model.pkl"), "which is not encrypted"),
        (says(302), "does not give the file (HTTP 302)"),
    ],
)
def test_what_lasts_is_said_at_once(server: FileServer, part: PartFile, answer: Answer, words: str) -> None:
    server.answers = [answer]
    assert words in refusal(wanted(server.url), part)
    assert len(server.ranges) == 1
    assert not part.path.exists()


def test_google_drives_confirmation_is_explained(part: PartFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(CONTENT) as server:
        server.answers = [says(200, PAGE)]
        port = server.server_address[1]
        monkeypatch.setattr("socket.getaddrinfo", _only_loopback(port))
        monkeypatch.setattr(transfer, "is_loopback", lambda url: True)
        text = refusal(wanted(f"http://drive.google.com:{port}/uc?id=1"), part)
    assert text.startswith("Google Drive asks for a confirmation first, or has given the file away too often today; ")
    assert text.endswith(f"open http://drive.google.com:{port}/uc?id=1 in a browser and save the file as model.pkl.")


def _only_loopback(port: int):
    import socket

    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_redirects_are_followed_but_not_for_ever(server: FileServer, part: PartFile) -> None:
    server.answers = [says(302, Location=server.url), says(307, Location="/elsewhere")]
    fetched(wanted(server.url), part)
    part.discard()
    server.answers = [says(302, Location=server.url)] * 20
    assert "leads in circles" in refusal(wanted(server.url), part)


def test_plain_http_is_for_this_machine_only(part: PartFile) -> None:
    assert "which is not encrypted" in refusal(wanted("http://example.com/model.pkl"), part)


def test_mirrors_are_asked_in_turn(server: FileServer, part: PartFile) -> None:
    with serving(CONTENT) as mirror:
        server.answers = [says(404)]
        fetched(wanted(server.url, mirror.url), part)
        assert (len(server.ranges), len(mirror.ranges)) == (1, 1)


def test_a_part_is_gone_on_with_where_it_is_from(server: FileServer, part: PartFile) -> None:
    with serving(CONTENT) as mirror:
        server.answers, mirror.answers = [says(404)] * 9, [breaks_after(THIRD), says(404)]
        refusal(wanted(server.url, mirror.url), part)
        server.answers = []
        fetched(wanted(server.url, mirror.url), part)
        assert mirror.ranges[-1] == f"bytes={THIRD}-"


def test_a_server_that_is_not_there_is_named(part: PartFile) -> None:
    with serving(CONTENT) as server:
        url = server.url
    assert "127.0.0.1 cannot be reached" in refusal(wanted(url), part)


def test_a_certificate_that_nobody_vouches_for_is_refused(part: PartFile) -> None:
    with serving(CONTENT, SELF_SIGNED) as server:
        assert "127.0.0.1 cannot prove who it is" in refusal(wanted(server.url), part)
        assert server.ranges == []


def test_a_full_disk_is_noticed_before_anything_is_written(
    server: FileServer, part: PartFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(part.path.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=len(CONTENT) * 2 - 1))
    text = refusal(wanted(server.url), part)
    assert "for the download and its converted copy" in text
    assert "make room there" in text
    assert not part.path.exists()


@pytest.mark.parametrize("answer", [stalls_after(THIRD, 5.0), stalls_after(0, 5.0), says(503, Retry_After="30")])
def test_a_transfer_is_cancelled_within_a_second_and_what_came_is_kept(
    server: FileServer, part: PartFile, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "STALL_SECONDS", 30)
    cancelled = threading.Event()
    server.answers = [breaks_after(THIRD), answer]
    threading.Timer(0.7, cancelled.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        fetch(wanted(server.url), part, lambda _: None, cancelled.is_set)
    assert time.monotonic() - started < 1.7
    assert part.size >= THIRD


def test_loopback_never_goes_through_a_proxy(
    server: FileServer, part: PartFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fetched(wanted(server.url), part)
