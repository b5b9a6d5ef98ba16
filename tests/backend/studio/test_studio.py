"""A studio of two replicas on this computer: eight artists at once, one replica killed in the middle of a drag."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
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

from backend.client import Connection, DragRequest, Result, Update, jobs
from backend.client.connection import Ready, open_connection
from backend.client.protocol import TOKEN_HEADER
from stylegan2.critters.making import factors, renderer
from tests.backend.server.harness import ROOT, wait_until
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

    def place_of(self, connection: Connection) -> str:
        return re.findall(rf"Session {connection.session} computes on (\w+)", self.log)[-1]

    def replica(self, place: str) -> psutil.Process:
        """The process of a replica."""
        studio = psutil.Process(self.process.pid)
        (found,) = (
            one for one in studio.children(recursive=True) if f"ServeReplica:{place}:" in " ".join(one.cmdline())
        )
        return found


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    home = tmp_path_factory.mktemp("studio")
    remember_drafts(home)
    certificate, key = make_certificate(home)
    environment = {**os.environ, "DRAGGAN_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "backend", "studio"]
    tokens = [
        subprocess.run(
            [*command, "--new-artist", f"artist {number}"], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()
        for number in range(2)
    ]
    serve = [*command, "--certificate", str(certificate), "--key", str(key), "--port", "0", "--replicas", "2"]
    process = subprocess.Popen(
        [*serve, "--address", "127.0.0.1"], env=environment, cwd=home, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    found = next((found for line in process.stdout if (found := re.match(r"The studio listens at port (\d+)", line))), None)
    assert found, "the studio did not start"
    yield Studio(home, process, int(found[1]), [tokens[number % 2] for number in range(ARTISTS)], certificate)
    process.terminate()
    assert process.wait(60) == 0


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = [*new, "-days", "2", *subject, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


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
            killed.append(studio.place_of(connections[0]))
            os.kill(studio.replica(killed[0]).pid, signal.Signals["SIGKILL"])

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
    assert studio.place_of(connections[0]) not in killed
    went_on(steps, results[0])
    for number, result in results.items():
        belongs_to(result, pictures[number], connections[number])
    assert len({studio.place_of(connection) for connection in connections}) == 2


def went_on(steps: list[Update], result: Result) -> None:
    """The drag began once, and went on near where it was, not at its handle."""
    drags = [update for update in steps if update.phase == "drag"]
    again = next(later for before, later in zip(drags, drags[1:], strict=False) if later.step < before.step)
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


def test_no_artist_ends_the_studio(studio: Studio, tmp_path: Path):
    connection = studio.connection(1, tmp_path)
    connection.client.submit(api_name="/stop").result(30)
    assert connection.client.submit(api_name="/health").result(30)["protocol"] == 2
    wait_until(lambda: studio.process.poll() is None, "it runs")
