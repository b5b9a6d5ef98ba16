"""`python -m backend models list|show|download|verify`: what they show, ask and find."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import stylegan2
from backend import paths
from backend.__main__ import main
from backend.models import catalogue, commands, licences, models
from backend.models.catalogue import Entry
from stylegan2.critters import WEIGHTS
from tests.backend.catalogue_backend import write_catalogue
from tests.backend.file_server import FileServer, serving

ROOT = Path(__file__).parents[3]
SQUARE = ROOT / "tests" / "data" / "checkpoints" / "official_square.pkl"
CONTENT = SQUARE.read_bytes()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    paths.models_folder().mkdir(parents=True)
    return paths.models_folder()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def entry(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """The one published model, whose licence nobody has accepted yet."""
    change = {"name": "squares", "file": "squares.pkl", "urls": (server.url,), "bytes": len(CONTENT)}
    digest = hashlib.sha256(CONTENT).hexdigest()
    entry = catalogue.entries()[0].model_copy(update={**change, "sha256": digest})
    monkeypatch.setattr(catalogue, "entries", lambda: (entry,))
    return entry


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, output and errors."""
    code = main(["models", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def put(store: Path, name: str) -> Path:
    """A model as if it had been added: the tests here do not look at the conversion."""
    shutil.copy(WEIGHTS, store / f"{name}.safetensors")
    return store / f"{name}.safetensors"


def test_the_list_has_what_is_here(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(store, "zebras")
    (store / "broken.safetensors").write_bytes(b"broken")
    lines = [line.split() for line in run(capsys, "list")[1].splitlines()]
    assert lines[0] == ["NAME", "TITLE", "PIXELS", "LICENCE", "STATE"]
    assert [line[0] for line in lines[1:]] == ["critters", "broken", "zebras"]
    assert lines[1][1:] == ["Toy", "animals", "256", "x", "256", "CC0-1.0", "here"]
    assert lines[2][-3:] == ["cannot", "be", "read"]


def test_the_list_of_all_fits_a_terminal_of_100_columns(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(store, "the zebras that my aunt photographed in the summer of 2019")
    lines = run(capsys, "list", "--all")[1].splitlines()
    assert len(lines) == 4 + len(catalogue.entries())
    assert max(map(len, lines)) <= 100
    assert "the zebras that my aunt photographed in the summer of 2019" in lines


def test_the_list_of_all_says_what_can_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {line.split()[0]: " ".join(line.split()) for line in run(capsys, "list", "--all")[1].splitlines()}
    assert lines["lions-512"] == "lions-512 Lions (Self-Distilled) 512 x 512 Apache-2.0 download 364 MB"
    assert lines["ffhq-512"].endswith("non-commercial download ~364 MB")
    assert lines["lhq-1024"].endswith("MIT download")
    assert lines["shhq-512"].endswith("256 x 512 not stated download 353 MB")
    assert lines["microscope-512"].endswith("unknown place it yourself")


def test_a_published_file_that_was_put_here_is_here(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(WEIGHTS, store / "lions_512_pytorch.pkl")
    assert run(capsys, "list")[1].splitlines()[2].startswith("lions-512  Lions (Self-Distilled)  512 x 512  Apache-2.0")


def test_what_a_file_says_of_itself_cannot_steer_the_terminal(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = stylegan2.load(SQUARE)
    model.metadata = dataclasses.replace(model.metadata, licence="free\x1b[2J\nfor all", source="\x1b]0;me\x07")
    stylegan2.save(model, store / "loud.safetensors")
    listed, shown = run(capsys, "list")[1], run(capsys, "show", "loud")[1]
    assert "free?[2J?for" in listed
    assert all(letter.isprintable() or letter == "\n" for letter in listed + shown)


@pytest.mark.parametrize("name", ["critters", *(entry.name for entry in catalogue.entries())])
def test_all_about_a_model_is_shown_within_100_columns(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, shown, _ = run(capsys, "show", name)
    assert code == 0
    assert all(len(line) <= 100 or line.startswith("address: ") for line in shown.splitlines())
    facts = {line.partition(":")[0] for line in shown.splitlines()}
    assert {"name", "title", "state", "pixels", "licence"} <= facts


def test_what_is_shown_says_what_to_do(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cars = " ".join(run(capsys, "show", "lsun-car-512")[1].split())
    assert "can be downloaded (364 MB) with `python -m backend models download lsun-car-512`" in cars
    assert f"place its file here yourself: {store / 'stylegan2-car-config-f.pkl'}" in cars
    assert "no commercial use, https://nvlabs.github.io/stylegan2/license.html" in cars
    assert "only the 384 in the middle show anything" in cars
    microscope = " ".join(run(capsys, "show", "microscope-512")[1].split())
    assert f"no address is known: place its file here yourself: {store / 'microscope-512.pkl'}" in microscope
    assert "no model called" in run(capsys, "show", "unicorns")[2]


def test_a_download_without_a_terminal_is_refused_until_its_licence_is_accepted(
    entry: Entry, server: FileServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    code, _, said = run(capsys, "download", "squares")
    assert code == 2
    assert "the licence is Apache-2.0 (https://github.com/self-distilled-stylegan)." in said
    assert "was not accepted, so nothing was fetched; read it, and give --accept-licence if you do." in said
    assert server.ranges == []
    assert run(capsys, "download", "squares", "--accept-licence")[0] == 0
    assert licences.is_accepted(entry)
    assert models.available() == ["critters", "squares"]


@pytest.mark.parametrize(("answer", "accepted"), [("y", True), ("YES", True), ("", False), ("no", False)])
def test_at_a_terminal_one_is_asked_once(
    entry: Entry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, accepted: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    monkeypatch.setattr(commands.downloads, "download", lambda name, _: paths.models_folder() / name)
    assert (run(capsys, "download", "squares")[0] == 0) == accepted
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked again"))
    if accepted:
        assert run(capsys, "download", "squares")[0] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("unicorns", "`python -m backend models list --all` shows them"), ("squares", "on this computer already")],
)
def test_a_download_that_cannot_be_is_refused(
    store: Path, entry: Entry, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    put(store, "squares")
    code, _, said = run(capsys, "download", name, "--accept-licence")
    assert code == 2
    assert words in said


def test_ctrl_c_keeps_what_has_come_and_the_same_command_goes_on(
    entry: Entry, server: FileServer, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = write_catalogue(tmp_path / "catalogue.json", entry)
    licences.accept(entry)
    server.bytes_per_second = len(CONTENT) / 10
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *program, "models", "download", "squares"]
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background run of the tests ignores it
    )  # fmt: skip
    part = store / "squares.pkl.part"
    while not (part.exists() and part.stat().st_size > 100_000):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert said.splitlines()[-1] == "Stopped. What has come is kept; the same command goes on with it."
    assert "kB/s" in said
    assert json.loads((store / "squares.pkl.part.json").read_text())["wanted"] is False
    server.bytes_per_second = None
    assert run(capsys, "download", "squares")[0] == 0
    assert server.ranges[1] is not None


def test_what_has_come_of_a_download_can_be_removed(
    entry: Entry, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (store / "squares.pkl.part").write_bytes(CONTENT[:1000])
    assert run(capsys, "remove", "squares") == (0, 'What had come of the model "squares" has been deleted.\n', "")
    assert list(store.iterdir()) == []


@pytest.mark.usefixtures("entry")
def test_what_has_come_of_a_download_and_cannot_be_removed_is_said(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = store / "squares.pkl.part"
    part.mkdir()
    code, _, said = run(capsys, "remove", "squares")
    assert code == 2
    assert said.startswith(f"{part} cannot be deleted (")
    assert said.endswith("); end what uses it and try again.\n")


def test_what_the_system_refuses_is_one_sentence_with_the_file(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store.parent / "encoders").write_text("a file in the place of the folder")
    code, _, said = run(capsys, "prepare", SQUARE)
    assert code == 2
    sentence = f"{store.parent / 'encoders'} cannot be used (File exists); mend that and run this again."
    assert said.splitlines()[-1].endswith(sentence)
    assert "Traceback" not in said


def test_a_damaged_file_is_found(entry: Entry, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "verify")[:2] == (0, "The store: no model was added or downloaded yet\n")
    run(capsys, "add", SQUARE, "--name", "mine")
    put(store, "by hand")
    (store / "squares.pkl").write_bytes(CONTENT)
    code, said, _ = run(capsys, "verify")
    assert code == 0
    assert said.splitlines()[1:] == ["mine: sound", "squares: sound"]
    assert said.startswith("by hand: nothing is known to compare")
    for file in (store / "mine.safetensors", store / "squares.pkl"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        code, said, _ = run(capsys, "verify", "squares" if file.suffix == ".pkl" else "mine")
        assert code == 1
        assert said.endswith(f"{file} is damaged; remove the model, and download or add it again\n")


@pytest.mark.parametrize(("name", "words"), [("critters", "run install.py"), ("unicorns", "no model called")])
def test_what_cannot_be_verified_is_said(capsys: pytest.CaptureFixture[str], name: str, words: str) -> None:
    code, _, said = run(capsys, "verify", name)
    assert code == 2
    assert words in said
