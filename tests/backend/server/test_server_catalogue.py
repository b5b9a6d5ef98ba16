"""The models as a client sees them: listed, fetched, cancelled, added and removed, whatever else is done."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from backend.client import Connection
from backend.client import catalogue as client
from backend.client.catalogue import ListedModel, ModelList
from backend.errors import UserError
from backend.models import catalogue
from tests.backend.catalogue_backend import write_catalogue
from tests.backend.file_server import FileServer, says, serving
from tests.backend.server.harness import ROOT, WITHOUT_END, Backend, submit, until_phase, wait_until

MODEL = ROOT / "tests" / "data" / "checkpoints" / "official_square.pkl"
CONTENT = MODEL.read_bytes()


@pytest.fixture(scope="module")
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory, server: FileServer) -> Iterator[Backend]:
    """A backend that knows two published models: one on a server that is here, and one without an address."""
    folder = tmp_path_factory.mktemp("backend")
    square = catalogue.entries()[0].model_copy(
        update={
            "name": "squares",
            "title": "Squares (Test)",
            "file": "squares.pkl",
            "urls": (server.url,),
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "height": 32,
            "width": 32,
        }
    )
    lost = square.model_copy(update={"name": "lost", "file": "lost.pkl", "urls": (), "sha256": None, "where": "Gone."})
    running = Backend(folder / "Jörg Müller", write_catalogue(folder / "catalogue.json", square, lost)).start()
    yield running
    running.end()


@pytest.fixture
def connection(backend: Backend, server: FileServer, tmp_path: Path) -> Iterator[Connection]:
    opened = backend.connection(tmp_path)
    yield opened
    server.answers, server.ranges, server.bytes_per_second = [], [], None
    client.cancel_download(opened)
    for model in client.list_models(opened).models:
        if model.removable:
            client.remove_model(opened, model.name)
    opened.close()


def model_in(answer: ModelList, name: str) -> ListedModel:
    return next(model for model in answer.models if model.name == name)


def states(answer: ModelList) -> dict[str, str]:
    return {model.name: model.state for model in answer.models}


def wait_for_the_end(connection: Connection) -> ModelList:
    return wait_until(
        lambda: (answer := client.list_models(connection)).download is None and answer, "nothing is fetched any more"
    )


def test_all_models_are_listed_with_what_an_artist_wants_to_know(connection: Connection, backend: Backend) -> None:
    answer = client.list_models(connection)
    assert answer.download is None
    assert states(answer) == {"critters": "here", "squares": "downloadable", "lost": "manual"}
    critters, squares, lost = answer.models
    assert (critters.title, critters.embedded, critters.removable) == ("Toy animals", True, False)
    assert (critters.height, critters.width, critters.licence.name) == (256, 256, "CC0-1.0")
    assert (squares.title, squares.bytes, squares.accepted) == ("Squares (Test)", len(CONTENT), False)
    assert squares.licence == client.Licence("Apache-2.0", "https://github.com/self-distilled-stylegan", False)
    assert squares.shows.endswith(".")
    assert squares.hint.endswith(".")
    assert lost.path_to_place == str(backend.home / "models" / "lost.pkl")
    assert lost.where == "Gone."


def test_a_dialog_gets_the_titles_with_the_names(connection: Connection) -> None:
    assert connection.titles == {"critters": "Toy animals"}


def test_samples_come_when_they_are_asked_for_and_drawn(connection: Connection) -> None:
    assert model_in(client.list_models(connection), "critters").thumbnail is None
    png = wait_until(
        lambda: model_in(client.list_models(connection, thumbnails=True), "critters").thumbnail, "samples were drawn"
    )
    assert Image.open(io.BytesIO(png)).size == (4 * 128, 128)


def test_a_model_is_fetched_while_its_progress_is_told(connection: Connection, server: FileServer) -> None:
    server.bytes_per_second = len(CONTENT) / 2
    with pytest.raises(UserError, match=r"licence of the model \"squares\", Apache-2\.0, has to be accepted first"):
        client.download(connection, "squares")
    answer = client.download(connection, "squares", accept_licence=True)
    assert states(answer)["squares"] == "downloading"
    seen = []
    while answer.download is not None:
        seen.append(answer.download)
        answer = client.list_models(connection)
    assert states(answer)["squares"] == "here"
    assert model_in(answer, "squares").accepted
    assert {download.phase for download in seen} == {"downloading", "converting"}
    assert [download.done_bytes for download in seen] == sorted(download.done_bytes for download in seen)
    assert all(download.total_bytes == len(CONTENT) for download in seen)
    assert any(download.rate > 0 and download.seconds_left for download in seen)
    thumbnail = model_in(client.list_models(connection, thumbnails=True), "squares").thumbnail
    assert thumbnail, "it was drawn with the conversion"
    assert Image.open(io.BytesIO(thumbnail)).size == (4 * 128, 128)


def test_a_download_is_cancelled_and_gone_on_with(connection: Connection, server: FileServer) -> None:
    server.bytes_per_second = len(CONTENT) / 10
    client.download(connection, "squares", accept_licence=True)
    wait_until(lambda: (d := client.list_models(connection).download) and d.done_bytes > 100_000, "some has come")
    started = time.monotonic()
    answer = client.cancel_download(connection)
    assert time.monotonic() - started < 1
    assert answer.download is None
    assert states(answer)["squares"] == "downloadable"
    server.bytes_per_second = None
    client.download(connection, "squares")
    wait_for_the_end(connection)
    assert server.ranges[0] is None
    assert server.ranges[1] is not None


def test_a_failed_download_says_why_until_it_is_read(connection: Connection, server: FileServer) -> None:
    server.answers = [says(404)]
    client.download(connection, "squares", accept_licence=True)
    failed = wait_until(
        lambda: (d := client.list_models(connection).download) and d.phase == "failed" and d, "it failed"
    )
    assert failed.error is not None
    assert "HTTP 404" in failed.error
    assert client.cancel_download(connection).download is None


def test_a_download_does_not_wait_for_a_drag_nor_a_drag_for_it(
    connection: Connection, backend: Backend, picture: Path
) -> None:
    job = submit(backend.client(), picture, {"inversion_steps": WITHOUT_END})
    until_phase(job, "invert")
    client.download(connection, "squares", accept_licence=True)
    assert states(wait_for_the_end(connection))["squares"] == "here"
    assert backend.health()["busy"]
    assert not job.done()
    job.cancel()


def test_a_file_of_this_computer_is_added_and_removed(connection: Connection, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pkl"
    mine.write_bytes(CONTENT)
    answer = client.add_model(connection, mine, "my squares")
    assert answer.download is not None
    assert (answer.download.name, answer.download.phase) == ("my squares", "converting")
    answer = wait_for_the_end(connection)
    added = model_in(answer, "my squares")
    assert (added.title, added.state, added.removable) == ("my squares", "here", True)
    assert mine.read_bytes() == CONTENT
    assert "my squares" not in states(client.remove_model(connection, "my squares"))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda c: client.download(c, "unicorns", True), "no published model"),
        (lambda c: client.download(c, "lost", True), "place its file here yourself"),
        (lambda c: client.add_model(c, Path("/nowhere/cats.pkl"), "cats"), "does not exist; check its path"),
        (lambda c: client.add_model(c, MODEL, "a/b"), "cannot be the name of a model"),
        (lambda c: client.remove_model(c, "critters"), "is a part of this program and stays"),
        (lambda c: client.remove_model(c, "unicorns"), 'no model called "unicorns"'),
        (lambda c: client._ask(c, "models", {"colour": 1}), '"colour" is unknown'),
        (lambda c: client._ask(c, "download", {"name": ""}), 'The option "name"'),
        (lambda c: client._ask(c, "remove_model", {}), 'The option "name" is missing'),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_sentence(connection: Connection, ask, words: str) -> None:
    with pytest.raises(UserError) as refused:
        ask(connection)
    assert words in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_restarted_backend_goes_on_with_its_download_and_then_ends_when_nobody_uses_it(
    tmp_path: Path, server: FileServer, backend: Backend
) -> None:
    own = Backend(tmp_path / "home", backend.program).start()
    try:
        connection = own.connection(tmp_path)
        server.bytes_per_second, server.ranges = len(CONTENT) / 10, []
        client.download(connection, "squares", accept_licence=True)
        wait_until(lambda: (d := client.list_models(connection).download) and d.done_bytes > 100_000, "some has come")
        assert own.process
        own.process.kill()
        own.process.wait()
        connection.close()
        server.bytes_per_second = len(CONTENT) / 3
        own.start("--idle-minutes", "0.01")
        wait_until(lambda: (own.home / "models" / "squares.safetensors").exists(), "the rest has come")
        assert server.ranges[1] is not None
        assert own.process.wait(30) == 0
    finally:
        own.end()
