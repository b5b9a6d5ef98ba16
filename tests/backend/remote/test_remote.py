"""A backend on another computer: installed, started, reached and lost through a real sshd, as the artist meets it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend import ssh
from backend.client import DragRequest, Result, jobs
from backend.computers import HERE, Computers
from backend.errors import UserError
from tests.backend.remote.artist import Artist
from tests.backend.server.harness import DRAG, SHORT, WITHOUT_END, wait_until
from tests.ssh_server import SshServer

LONG = {"inversion_steps": WITHOUT_END}
FOREIGN = """#!/bin/sh
echo 'Welcome to this computer.'
echo '{"url": "http://127.0.0.1:1/", "token": "t", "pid": 1, "protocol": 1}'
"""


@pytest.fixture
def gimp(artist: Artist) -> Iterator[subprocess.Popen[bytes]]:
    """A program that stands for GIMP: its plug-in has said that the backend is to stay in reach while it runs."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    clients = artist.installation.ready_file.with_name("client-processes")
    clients.mkdir(parents=True, exist_ok=True)
    (clients / str(process.pid)).touch()
    yield process
    process.kill()
    process.wait()
    wait_until(lambda: not artist.installation.ready_file.exists(), "nothing leads there any more")


def drag(artist: Artist, picture: Path, options: Any = SHORT, show: Callable[[Any], None] = lambda _: None) -> Result:
    request = DragRequest(picture, None, DRAG, options)
    return jobs.drag(artist.backend().connect(), request, show)


def theirs(artist: Artist) -> dict[str, Any]:
    return json.loads((artist.their_home / "backend.json").read_text())


@pytest.mark.usefixtures("gimp")
def test_a_drag_is_computed_there_and_nothing_here(artist: Artist, picture: Path):
    told: list[str] = []
    connection = artist.backend().connect(tell=told.append)
    result = jobs.drag(connection, DragRequest(picture, None, DRAG, SHORT), lambda update: None)
    assert result.layer.stat().st_size > 1000
    assert result.edit.stat().st_size > 1000
    assert connection.computer == artist.server.computer
    assert connection.region((80, 64), None, {}) == (8, 0, 64, 64)
    assert not (artist.home / "backend.json").exists()
    ready = artist.installation.ready_file
    assert ready.is_file()
    assert stat.S_IMODE(ready.stat().st_mode) == 0o600
    assert stat.S_IMODE(ready.parent.stat().st_mode) == 0o700


@pytest.mark.usefixtures("gimp")
def test_a_broken_connection_is_one_sentence_and_comes_back_by_itself(artist: Artist, picture: Path):
    drag(artist, picture)
    before = theirs(artist)["pid"], artist.installation.ready_file.read_text()

    def cut(update: Any) -> None:
        if update.phase == "invert":
            artist.server.cut()

    with pytest.raises(UserError, match=f"The connection to {artist.server.computer} broke in the middle") as raised:
        drag(artist, picture, LONG, cut)
    assert str(raised.value).count(".") <= 1 + str(raised.value).count(".log") + raised.value.__str__().count("/.")
    wait_until(lambda: not artist.installation.ready_file.exists(), "the break was noticed")
    artist.server.start()
    wait_until(artist.installation.ready_file.exists, "the connection was there again")
    drag(artist, picture)
    assert theirs(artist)["pid"] == before[0]
    assert artist.installation.ready_file.read_text() != before[1]


def test_it_ends_with_gimp_and_leaves_nothing_behind(artist: Artist, gimp: subprocess.Popen[bytes], picture: Path):
    artist.backend().connect()
    tunnel = psutil.Process(json.loads(artist.installation.ready_file.read_text())["pid"])
    assert list((artist.their_home / "client-processes").iterdir())
    gimp.kill()
    gimp.wait()
    wait_until(lambda: not tunnel.is_running() or tunnel.status() == psutil.STATUS_ZOMBIE, "the way there ended")
    wait_until(lambda: not list((artist.their_home / "client-processes").iterdir()), "no client ran any more")
    assert not artist.installation.ready_file.exists()
    assert not list(artist.installation.ready_file.with_name("client-processes").iterdir())
    assert psutil.pid_exists(theirs(artist)["pid"])  # it ends by itself in a minute, see test_server_lifecycle.py


@pytest.mark.usefixtures("gimp")
def test_a_killed_way_there_goes_when_nobody_uses_it_and_the_next_drag_makes_another(artist: Artist):
    """ssh itself stays until the last connection through it has ended: a drag at work is not lost."""
    backend = artist.backend()
    connection = backend.connect()
    os.kill(connection.pid, signal.Signals["SIGKILL"])
    wait_until(lambda: not list((artist.their_home / "client-processes").iterdir()), "no client ran any more")
    assert connection.is_open()
    backend.close()
    wait_until(lambda: not connection.is_open(), "ssh has ended, too")
    assert artist.backend().connect().pid != connection.pid


@pytest.mark.usefixtures("gimp")
def test_a_backend_that_is_ended_there_ends_the_way_to_it(artist: Artist):
    connection = artist.backend().connect()
    connection.client.submit(api_name="/stop")
    wait_until(lambda: not artist.installation.ready_file.exists(), "nothing leads there any more")
    assert not connection.is_open()


def refused(artist: Artist, computer: str | None = None) -> str:
    """What a connection says that cannot be made, at once."""
    begun = time.monotonic()
    with pytest.raises(UserError) as raised:
        artist.backend(computer).connect()
    assert time.monotonic() - begun < 30
    return str(raised.value)


def test_what_ssh_says_is_in_the_sentence(artist: Artist, server: SshServer):
    server.trust("user_key")  # another computer has the other's name
    assert "cannot be reached (Host key verification failed)" in refused(artist)
    server.trust("host_key")
    server.cut()
    assert f'Connection refused); see that "ssh {server.computer}" works in a terminal' in refused(artist)
    server.start()


def test_a_computer_without_the_program_or_with_another_version_says_what_to_do(artist: Artist, tmp_path: Path):
    known = Computers.read(artist.home)
    other = tmp_path / "other python"
    other.write_text(FOREIGN)
    other.chmod(0o755)
    computer = artist.server.computer
    try:
        Computers({computer: str(tmp_path / "none")}, computer).write(artist.home)
        assert refused(artist).endswith(f"install it there with python3 install.py --on {computer}.")
        Computers({computer: str(other)}, computer).write(artist.home)
        assert refused(artist).endswith(f"update it with python3 install.py --on {computer}.")
        assert refused(artist, "an@other").endswith("install it there with python3 install.py --on an@other.")
    finally:
        known.write(artist.home)


HOSTILE = (
    "-oProxyCommand=touch${IFS}hacked@gpu", "anna@-oProxyCommand=touch hacked", "-oProxyCommand=touch hacked", "anna@",
    "@gpu", "gpu", "anna@gpu -oProxyCommand=x", "anna@gpu;touch hacked", "anna@gpu\n", "anna@`touch hacked`", "",
    "anna@$(touch hacked)", "anna@../../hacked", "../anna@gpu", "anna@gpu:22", "anna@gpu/x", "a@b@gpu", "änna@gpu",
    "anna@gpu." + 300 * "x", "anna@gpu.", "anna@gpu\\x", "anna@%d", "anna@'gpu'",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_name_of_a_computer_never_comes_to_ssh(name: str, artist: Artist, tmp_path: Path):
    with pytest.raises(UserError, match="is not the name of another computer; give the user and the host"):
        ssh.start(name, "true")
    known = {"pythons": {name: "/python"}, "chosen": name}
    (tmp_path / "computers.json").write_text(json.dumps(known))
    assert Computers.read(tmp_path) == Computers()


@pytest.mark.parametrize("name", ["anna@gpu", "a.b_c-d@gpu-1.example.org", "root@192.168.1.2", "_x@g", "A1@G2"])
def test_ordinary_names_are_taken(name: str, tmp_path: Path):
    Computers({name: "/python"}, name).write(tmp_path)
    assert Computers.read(tmp_path).chosen == name


def test_a_choice_that_is_not_known_any_more_is_this_computer(tmp_path: Path):
    (tmp_path / "computers.json").write_text('{"pythons": {}, "chosen": "anna@gpu"}')
    assert Computers.read(tmp_path).chosen == HERE


def test_ssh_asks_nothing_forwards_no_agent_and_compresses(server: SshServer):
    command = [str(server.client_folder / "ssh"), *ssh.OPTIONS, "-G", "anna@gpu"]
    settings = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"batchmode yes", "compression yes", "forwardagent no", "forwardx11 no", "port " + str(server.port)} <= {
        *settings
    }
