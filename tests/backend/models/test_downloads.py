"""A published model from its address into the store: in the process of a backend, and by `models download`."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend import paths
from backend.errors import UserError
from backend.models import available, catalogue, conversion, downloads, licences, open_model, records, transfer
from backend.models.catalogue import Entry
from backend.models.conversion import sole_writer
from backend.models.converter import Job
from backend.models.downloads import Downloads, State
from backend.models.part_file import PartFile
from tests.backend.catalogue_backend import write_catalogue
from tests.backend.file_server import FileServer, breaks_after, says, serving

ROOT = Path(__file__).parents[3]
CONTENT = (ROOT / "tests" / "data" / "checkpoints" / "official_square.pkl").read_bytes()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    monkeypatch.setattr(transfer, "PAUSE", 0.01)
    return tmp_path / "Jörg Müller"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def entry(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """The one published model, whose licence has been accepted."""
    entry = catalogue.entries()[0].model_copy(
        update={
            "name": "squares",
            "title": "Squares (Test)",
            "file": "squares.pkl",
            "urls": (server.url,),
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
        }
    )
    monkeypatch.setattr(catalogue, "entries", lambda: (entry,))
    licences.accept(entry)
    return entry


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def wait_until(happened: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_model_is_fetched_converted_and_its_original_deleted(entry: Entry) -> None:
    told: list[State] = []
    file = downloads.download("squares", told.append)
    assert names(paths.models_folder()) == ["squares.json", "squares.png", "squares.safetensors"]
    assert available() == ["critters", "squares"]
    assert list(dict.fromkeys(state.phase for state in told)) == ["downloading", "converting"]
    record = records.record_of(file)
    assert record is not None
    assert record.original_sha256 == entry.sha256
    assert record.licence == entry.licence
    loaded = open_model("squares")
    assert loaded.makes == "squares"
    assert loaded.model.metadata.source == f"{entry.urls[0]}, sha256 {entry.sha256}"
    assert loaded.preset.drag.step_size == entry.preset["step_size"]


@pytest.mark.usefixtures("entry")
def test_a_model_that_is_here_counts_though_its_download_cannot_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, while a virus scanner reads it."""

    def refuse(part: PartFile) -> None:
        raise PermissionError(13, "used by another process", part.path)

    monkeypatch.setattr(PartFile, "discard", refuse)
    assert downloads.download("squares", lambda _: None).is_file()
    assert available() == ["critters", "squares"]


def test_a_licence_has_to_be_accepted_and_is_only_once(entry: Entry) -> None:
    paths.licences_file().unlink()
    with pytest.raises(UserError, match=r"Apache-2\.0, has to be accepted first"):
        downloads.check("squares")
    licences.accept(entry)
    licences.accept(entry)
    assert downloads.check("squares") == entry
    assert paths.licences_file().read_text(encoding="utf-8").count('"date"') == 1


def test_one_licence_of_many_models_is_accepted_once_but_one_without_a_text_for_each(entry: Entry) -> None:
    assert licences.is_accepted(entry.model_copy(update={"name": "circles"}))
    unknown = entry.model_copy(update={"licence": entry.licence.model_copy(update={"name": "unknown", "link": None})})
    licences.accept(unknown)
    assert licences.is_accepted(unknown)
    assert not licences.is_accepted(unknown.model_copy(update={"name": "circles"}))


def test_a_damaged_record_of_licences_asks_again(entry: Entry) -> None:
    paths.licences_file().write_text("damaged")
    assert not licences.is_accepted(entry)
    licences.accept(entry)
    assert licences.is_accepted(entry)


def test_what_is_no_model_leaves_nothing_in_the_store(
    entry: Entry, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = b"\x80\x04Dear diary."
    digest = hashlib.sha256(server.content).hexdigest()
    diary = entry.model_copy(update={"bytes": None, "sha256": digest})
    monkeypatch.setattr(catalogue, "entries", lambda: (diary,))
    with pytest.raises(ValueError, match=r"squares\.pkl\.part"):
        downloads.download("squares", lambda _: None)
    assert available() == ["critters"]
    assert not list(paths.models_folder().glob("squares.[!p]*"))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("circles", {}, "is no published model"),
        ("squares", {"urls": (), "where": "It is gone."}, "place its file here yourself: "),
    ],
)
def test_what_cannot_be_fetched_is_refused(
    entry: Entry, monkeypatch: pytest.MonkeyPatch, name: str, change: dict[str, object], words: str
) -> None:
    changed = entry.model_copy(update=change)
    monkeypatch.setattr(catalogue, "entries", lambda: (changed,))
    with pytest.raises(UserError, match=words):
        downloads.download(name, lambda _: None)


def test_what_is_here_is_not_fetched_again(entry: Entry, server: FileServer) -> None:
    downloads.download("squares", lambda _: None)
    with pytest.raises(UserError, match="on this computer already"):
        downloads.download("squares", lambda _: None)
    assert len(server.ranges) == 1


def test_two_processes_do_not_fetch_at_once(entry: Entry) -> None:
    with sole_writer(), pytest.raises(UserError, match="Another model is being fetched or added"):
        downloads.download("squares", lambda _: None)


def test_a_download_in_the_background_tells_how_far_it_is(entry: Entry, server: FileServer) -> None:
    server.bytes_per_second = len(CONTENT) / 2
    background = Downloads()
    background.start("squares")
    with pytest.raises(UserError, match="wait until that is done, or cancel it"):
        background.start("squares")
    states: dict[str, State] = {}
    wait_until(lambda: background.state is None or states.update({background.state.phase: background.state}))
    assert states["downloading"].total_bytes == len(CONTENT)
    assert states["downloading"].rate > 0
    assert states["converting"].done_bytes == len(CONTENT)
    assert available() == ["critters", "squares"]


def test_a_cancelled_download_keeps_what_came_and_is_gone_on_with_when_it_is_asked_for(
    entry: Entry, server: FileServer
) -> None:
    server.bytes_per_second = len(CONTENT) / 10
    background = Downloads()
    background.start("squares")
    wait_until(lambda: background.state and background.state.done_bytes > 100_000)
    started = time.monotonic()
    background.cancel()
    assert time.monotonic() - started < 1
    assert background.state is None
    Downloads().resume()
    time.sleep(0.1)
    assert len(server.ranges) == 1, "nobody wants it"
    server.bytes_per_second = None
    downloads.download("squares", lambda _: None)
    assert server.ranges[1] is not None
    assert available() == ["critters", "squares"]


def test_a_download_that_a_backend_left_is_gone_on_with_by_the_next(entry: Entry, server: FileServer) -> None:
    server.bytes_per_second = len(CONTENT) / 10
    first, second = Downloads(), Downloads()
    first.start("squares")
    wait_until(lambda: first.state and first.state.done_bytes > 100_000)
    first.close()
    server.bytes_per_second = None
    second.resume()
    wait_until(lambda: second.state is None)
    assert server.ranges[1] is not None
    assert available() == ["critters", "squares"]


def test_a_failure_is_told_until_it_is_read(entry: Entry, server: FileServer) -> None:
    server.answers = [says(404)]
    background = Downloads()
    background.start("squares")
    wait_until(lambda: not background.is_busy)
    assert background.state is not None
    assert background.state.phase == "failed"
    assert "HTTP 404" in (background.state.error or "")
    background.cancel()
    assert background.state is None


def test_an_import_in_the_background_leaves_the_artists_file(entry: Entry, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pkl"
    mine.write_bytes(CONTENT)
    background = Downloads()
    background.add(mine, "my squares")
    assert background.state == State("my squares", "converting")
    wait_until(lambda: background.state is None)
    assert available() == ["critters", "my squares"]
    assert mine.read_bytes() == CONTENT
    with pytest.raises(UserError, match="already"):
        background.add(mine, "my squares")


def test_a_cancelled_import_leaves_nothing(tmp_path: Path) -> None:
    mine = tmp_path / "mine.pkl"
    mine.write_bytes(CONTENT)
    background = Downloads()
    background.add(mine, "mine")
    time.sleep(0.5)
    background.cancel()
    wait_until(lambda: not background.is_busy)
    assert names(paths.models_folder()) == []


def test_a_download_that_was_killed_in_the_middle_goes_on(
    entry: Entry, server: FileServer, tmp_path: Path, home: Path
) -> None:
    program = write_catalogue(tmp_path / "catalogue.json", entry)
    server.bytes_per_second = len(CONTENT) / 4
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *program, "models", "download", "squares"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    part = home / "models" / "squares.pkl.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 100_000, 60)
    process.kill()
    assert process.wait() == (-signal.SIGKILL if sys.platform != "win32" else 1)
    assert available() == ["critters"]
    kept = part.stat().st_size
    server.bytes_per_second = None
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert server.ranges == [None, f"bytes={kept}-"]
    assert names(home / "models") == ["squares.json", "squares.png", "squares.safetensors"]


def test_a_conversion_that_was_killed_is_done_again_from_what_is_here(entry: Entry, server: FileServer) -> None:
    server.answers = [breaks_after(1000)]
    left = paths.models_folder() / ".converting"
    left.mkdir(parents=True)
    (left / "model").write_bytes(b"half a model")
    downloads.download("squares", lambda _: None)
    assert names(paths.models_folder()) == ["squares.json", "squares.png", "squares.safetensors"]


def test_a_conversion_that_needs_too_much_memory_ends_without_a_file(entry: Entry, tmp_path: Path) -> None:
    """The limit is far below what the process has already: what it asks for next it does not get."""
    job = Job(source=ROOT / "tests" / "data" / "checkpoints" / "official_square.pkl", sheet=tmp_path / "sheet.png")
    program = "import sys\nfrom backend.models import converter\nconverter.MOST_MEMORY = 1\nsys.exit(converter.main())"
    done = subprocess.run(
        [sys.executable, "-c", program], input=job.model_dump_json(), cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode != 0
    assert not (tmp_path / "sheet.png").exists()


def test_a_conversion_that_does_not_end_is_ended(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "MOST_SECONDS", 0.01)
    with pytest.raises(UserError, match="was not converted in"):
        downloads.download("squares", lambda _: None)
    assert available() == ["critters"]
