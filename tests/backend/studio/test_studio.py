"""A studio of two replicas on this computer: eight artists at once, one replica killed in the middle of a drag."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import safetensors.numpy
import torch
from PIL import Image

from backend.client import Backend, Connection, DragRequest, Installation, Result, Update, catalogue, jobs
from backend.client.connection import Ready, open_connection
from backend.client.protocol import PROTOCOL, TOKEN_HEADER
from backend.computers import HERE, Computers
from backend.errors import Cancelled, UserError
from backend.studio import artists
from stylegan2.critters.making import factors, renderer
from tests.backend.server.harness import ROOT, WITHOUT_END
from tests.backend.server.live import FAR, NOSE, Live
from tests.backend.studio.certificates import make_certificate
from tests.drafts import remember_drafts

ARTISTS = 8
DRAG = [{"handle": [40.0, 32.0], "target": [44.0, 32.0]}]
SHORT = {"inversion_steps": 0, "steps": 3, "poor_fit": "drag"}
LIMIT_SECONDS = 300


@dataclass
class Studio:
    home: Path
    process: subprocess.Popen[str]
    port: int
    tokens: list[str]
    certificate: Path

    @property
    def log(self) -> str:
        return (self.home / "logs" / "backend.log").read_text(encoding="utf-8")

    def connection(self, artist: int, downloads: Path) -> Connection:
        downloads.mkdir(exist_ok=True)
        url = f"https://localhost:{self.port}/"
        ready = Ready(url, self.tokens[artist], self.process.pid, certificate=str(self.certificate))
        return open_connection(ready, downloads, downloads / "log", LIMIT_SECONDS)

    def replica_of(self, connection: Connection) -> str:
        return re.findall(rf"Session {connection.session} computes on (\w+)", self.log)[-1]

    def process_of(self, replica: str) -> psutil.Process:
        """The process of a replica."""
        studio = psutil.Process(self.process.pid)
        (found,) = (
            one for one in studio.children(recursive=True) if f"ServeReplica:{replica}:" in " ".join(one.cmdline())
        )
        return found


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("studio")
    remember_drafts(home)
    certificate, key = make_certificate(home)
    temporary = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # the names of Ray's sockets have to be short
    own = {"DRAGGAN_HOME": str(home), "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    environment = {**os.environ, **own, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "backend", "studio"]
    new = [*command, "--new-artist", "artist 0"]
    printed = subprocess.run(new, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    tokens = [printed, artists.add(home / "artists.json", "artist 1")]
    serve = [*command, "--certificate", str(certificate), "--key", str(key), "--port", "0", "--replicas", "2"]
    process = subprocess.Popen(
        [*serve, "--address", "127.0.0.1"], env=environment, cwd=home, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    lines = (re.match(r"The studio listens at port (\d+)", line) for line in process.stdout)
    found = next(filter(None, lines), None)
    assert found, "the studio did not start"
    yield Studio(home, process, int(found[1]), [tokens[number % 2] for number in range(ARTISTS)], certificate)
    process.terminate()
    assert process.wait(60) == 0
    assert not (home / "work").exists(), "the artists' pictures do not stay"
    assert list(temporary.iterdir()) == [], "it leaves nothing behind"
    temporary.rmdir()


def picture(folder: Path, number: int) -> Path:
    """Another animal for each artist, on a layer of another size."""
    pixels = renderer.render(torch.as_tensor(factors.random(number, 1)).float(), 64, 80 + number)[0]
    file = folder / f"animal {number}.png"
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file)
    return file


def test_eight_artists_drag_and_one_whose_replica_dies_goes_on_from_what_was_saved(studio: Studio, tmp_path: Path):
    pictures = [picture(tmp_path, number) for number in range(ARTISTS)]
    connections = [studio.connection(number, tmp_path / f"downloads {number}") for number in range(ARTISTS)]
    results: dict[int, Result] = {}
    failures: list[Exception] = []
    steps: list[Update] = []
    killed: list[str] = []

    def kill(update: Update) -> None:
        """Kill the first artist's replica once its drag is under way."""
        steps.append(update)
        if update.phase == "drag" and update.step >= 40 and not killed:
            killed.append(studio.replica_of(connections[0]))
            os.kill(studio.process_of(killed[0]).pid, signal.Signals["SIGKILL"])

    def work(number: int) -> None:
        long = {"inversion_steps": 0, "steps": 100, "poor_fit": "drag"}
        drags = [{"handle": [40.0, 32.0], "target": [70.0, 50.0]}] if number == 0 else DRAG
        request = DragRequest(pictures[number], None, drags, long if number == 0 else SHORT)
        try:
            results[number] = jobs.drag(connections[number], request, kill if number == 0 else lambda _: None)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(ARTISTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    assert failures == []
    assert sorted(results) == list(range(ARTISTS))
    assert killed
    assert studio.replica_of(connections[0]) not in killed
    went_on(steps, results[0])
    for number, result in results.items():
        belongs_to(result, pictures[number], connections[number])
    assert len({studio.replica_of(connection) for connection in connections}) == 2


def went_on(steps: list[Update], result: Result) -> None:
    """The drag began once, and went on near where it was, not at its handle."""
    drags = [update for update in steps if update.phase == "drag"]
    again = next(later for before, later in itertools.pairwise(drags) if later.step < before.step)
    before = drags[drags.index(again) - 1]
    handle = np.array([40.0, 32.0])
    way = np.linalg.norm(np.array(before.points[0]) - handle)
    assert way > 2
    assert np.linalg.norm(np.array(again.points[0]) - np.array(before.points[0])) < way / 2
    with open(result.edit, "rb") as file:
        path = safetensors.numpy.load(file.read())["path"]
    assert len(path) > again.step


def belongs_to(result: Result, picture: Path, connection: Connection) -> None:
    """The layer of a result is the artist's own, but for what has moved."""
    assert str(connection.downloads) in str(result.layer)
    original = np.array(Image.open(picture).convert("RGB")).astype(int)
    layer = np.array(Image.open(result.layer).convert("RGB")).astype(int)
    mask = np.array(Image.open(result.mask))
    x, y = result.offset
    there = original[y : y + layer.shape[0], x : x + layer.shape[1]]
    assert np.abs(layer - there)[mask == 0].max(initial=0) <= 1


def test_a_cancelled_drag_gives_its_replica_to_the_next_one(studio: Studio, tmp_path: Path):
    connection, seen = studio.connection(0, tmp_path / "downloads"), threading.Event()
    endless = DragRequest(picture(tmp_path, 1), None, DRAG, {"inversion_steps": WITHOUT_END, "poor_fit": "drag"})

    def show(update: Update) -> None:
        if update.phase == "invert":
            seen.set()

    with pytest.raises(Cancelled):
        jobs.drag(connection, endless, show, seen.is_set)
    assert jobs.drag(connection, DragRequest(picture(tmp_path, 2), None, DRAG, SHORT), lambda _: None).report


def test_a_live_drag_is_steered_and_goes_on_on_another_replica(studio: Studio, tmp_path: Path):
    connection = studio.connection(2, tmp_path / "downloads")
    live = Live(connection, picture(tmp_path, 3))
    try:
        live.opened()
        live.wants(NOSE)
        live.at_rest()
        live.in_force(FAR)
        before = live.until(lambda update: update.points and update.points[0][0] > NOSE.target[0] + 1, "it moves")
        way, seen = before.points, [update for _, update in live.updates]
        os.kill(studio.process_of(studio.replica_of(connection)).pid, signal.Signals["SIGKILL"])

        def begins_anew(update: Update) -> bool:
            return update not in seen and bool(update.points) and update.step < before.step

        again = live.until(begins_anew, "another replica has it", 120)
        assert np.hypot(*np.subtract(again.points, way)[0]) < np.hypot(*np.subtract(FAR.handle, way)[0])
        live.in_force(NOSE)
        assert live.at_rest().points[0][0] < way[0][0], "it is still the same handle"
        result = live.finish()
        assert isinstance(result, Result)
        belongs_to(result, tmp_path / "animal 3.png", connection)
    finally:
        live.close()


def test_nobody_comes_in_without_a_token_of_an_artist(studio: Studio):
    context = ssl.create_default_context(cafile=str(studio.certificate))

    def status(headers: dict[str, Any]) -> int:
        request = urllib.request.Request(f"https://localhost:{studio.port}/config", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert status({TOKEN_HEADER: studio.tokens[0]}) == 200
    assert status({}) == 401
    assert status({TOKEN_HEADER: "wrong"}) == 401
    assert studio.tokens[0] not in (studio.home / "artists.json").read_text()
    assert sorted(json.loads((studio.home / "artists.json").read_text())) == ["artist 0", "artist 1"]


def test_an_artist_joins_with_a_token_and_the_plug_in_finds_the_studio(studio: Studio, tmp_path: Path):
    home, artist = tmp_path / "home", "anna@localhost"
    join = [sys.executable, "-m", "backend.remote", "join", artist, "--port", str(studio.port)]
    command = [*join, "--certificate", str(studio.certificate)]
    environment = {**os.environ, "DRAGGAN_HOME": str(home), "PYTHONPATH": str(ROOT)}

    def joined(token: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=environment, input=f"{token}\n", capture_output=True, text=True)

    refused = joined("wrong")
    address = f"https://localhost:{studio.port}/"
    assert refused.stderr.splitlines()[-1].startswith(f"{address} lets nobody in with this token")
    assert Computers.read(home).chosen == HERE
    assert joined(studio.tokens[0]).returncode == 0
    here = Installation(sys.executable, (), str(ROOT), home / "backend.json", home / "logs" / "backend.log", "test")
    (tmp_path / "downloads").mkdir()
    backend = Backend(here.on(Computers.read(home).chosen), tmp_path / "downloads")
    assert backend.connect().computer == artist
    backend.close()


def test_no_artist_ends_the_studio(studio: Studio, tmp_path: Path):
    connection = studio.connection(1, tmp_path)
    connection.client.submit(api_name="/stop").result(30)
    assert connection.client.submit(api_name="/health").result(30)["protocol"] == PROTOCOL
    assert studio.process.poll() is None


def test_no_artist_takes_a_model_from_the_others_or_looks_for_files_of_the_studio(studio: Studio, tmp_path: Path):
    connection = studio.connection(1, tmp_path / "downloads")
    (studio.home / "models").mkdir(exist_ok=True)
    (studio.home / "models" / "lions.safetensors").write_bytes(b"everybody's")
    with pytest.raises(UserError, match="belong to all artists of the studio"):
        catalogue.remove_model(connection, "lions")
    with pytest.raises(UserError, match="belong to all artists of the studio"):
        catalogue.add_model(connection, Path("/etc/passwd"), "mine")
    assert (studio.home / "models" / "lions.safetensors").exists()
