"""How the plug-in finds its backend, starts it, and what it says when that fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.client.connection import Connection, Ready, ask, prepare_environment
from backend.client.protocol import OFFLINE
from backend.errors import Cancelled, UserError
from tests.gimp_plugin.backend_home import BackendHome

READY = {"url": "http://127.0.0.1:9/", "pid": 1, "token": "t", "protocol": 3}


@pytest.mark.parametrize("dies_after", [0.0, 0.5, None])
def test_a_dead_or_dying_backend_is_not_open_and_a_hung_one_is(dies_after: float | None):
    """A process that was killed has ended its other connections before its port is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        if dies_after == 0:
            listener.close()
        elif dies_after:
            threading.Timer(dies_after, listener.close).start()
        connection = Connection(0, SimpleNamespace(src=url), {}, Path(), Path())
        assert connection.is_open() == (dies_after is None)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n{",
        b"no HTTP\r\n",
    ],
    ids=["ends in the middle of its answer", "ends in the middle of its refusal", "speaks no HTTP"],
)
def test_a_question_that_is_not_answered_whole_is_one_sentence(answer: bytes):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        ready = Ready(f"http://127.0.0.1:{listener.getsockname()[1]}/", "token", 123)
        with pytest.raises(UserError, match="The backend \\(process 123\\) does not answer"):
            ask(ready, "health")


def test_gradio_client_is_kept_on_this_machine(monkeypatch: pytest.MonkeyPatch):
    for name in OFFLINE:
        monkeypatch.setenv(name, "as the user has it")
    prepare_environment()
    assert {name: os.environ[name] for name in OFFLINE} == OFFLINE


def test_a_backend_that_runs_is_used(running: BackendHome):
    pid = json.loads(running.ready_file.read_text())["pid"]
    connection = running.backend("-c", "raise SystemExit('must not be started')").connect()
    assert connection.models == ["critters", "broken"]
    assert json.loads(running.ready_file.read_text())["pid"] == pid


def test_where_none_runs_one_is_started_and_told_of(home: BackendHome):
    told: list[str] = []
    assert home.backend().connect(tell=told.append).health["protocol"] == 3
    assert told == ["Starting the backend..."]


def test_a_failure_to_prepare_is_told_to_the_one_who_connects(home: BackendHome):
    backend = home.backend("-c", "raise SystemExit('no torch here')")
    backend.prepare()
    with pytest.raises(UserError):
        backend.connect()


def test_two_that_ask_at_once_start_one_backend(home: BackendHome):
    backend, found = home.backend(), []
    threads = [threading.Thread(target=lambda: found.append(backend.connect())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found[0].client.src == found[1].client.src


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"url": "http://127.0.0.1:1/"}', json.dumps({**READY, "url": "http://127.0.0.1:1/"})]
)
def test_a_damaged_ready_file_or_that_of_a_dead_backend_counts_as_none(home: BackendHome, content: str):
    home.ready_file.write_text(content)
    assert home.backend().running() is None


def test_another_program_on_the_old_port_is_not_taken_for_the_backend(running: BackendHome, home: BackendHome):
    other = json.loads(running.ready_file.read_text())
    home.ready_file.write_text(json.dumps({**other, "token": "not its token"}))
    assert home.backend().connect().client.src != other["url"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
@pytest.mark.parametrize("mode", [0o777, 0o722, 0o720])
def test_a_ready_file_that_others_can_have_written_is_refused(running: BackendHome, home: BackendHome, mode: int):
    """Whoever it names would get the artist's pictures."""
    home.ready_file.write_text(running.ready_file.read_text())
    home.folder.chmod(mode)
    with pytest.raises(UserError, match=f"Other users can write to {home.folder}, where"):
        home.backend().connect()
    assert home.backend().running() is None
    home.folder.chmod(0o755)
    assert home.backend().connect().models == ["critters", "broken"]
    home.ready_file.unlink()  # what it names is not this home's to end


@pytest.mark.skipif(sys.platform == "win32", reason="Windows makes links only for administrators")
def test_a_link_in_the_place_of_the_ready_file_is_refused(running: BackendHome, home: BackendHome):
    home.ready_file.symlink_to(running.ready_file)
    with pytest.raises(UserError, match="is not its own file; delete it and run the filter again"):
        home.backend().connect()
    home.ready_file.unlink()


def test_a_backend_of_another_version_says_to_run_install_py(home: BackendHome):
    home.ready_file.write_text(json.dumps({**READY, "protocol": 1}))
    with pytest.raises(UserError, match=r"different versions; update both by running install\.py"):
        home.backend().connect()


def test_a_backend_that_dies_at_once_is_noticed_with_its_last_words_and_its_log(home: BackendHome):
    began = time.monotonic()
    with pytest.raises(UserError) as raised:
        home.backend("-c", "import sys; print('first'); sys.exit('no torch here')").connect()
    assert time.monotonic() - began < 20
    assert "exit code 1" in str(raised.value)
    assert "no torch here" in str(raised.value)
    assert str(home.log_file) in str(raised.value)


def test_a_backend_that_is_never_ready_is_given_up(home: BackendHome):
    with pytest.raises(UserError, match="was not ready after 1 seconds"):
        home.backend("-c", "import time; time.sleep(5)", start_seconds=1).connect()


def test_one_that_finds_another_starting_waits_for_that_one(home: BackendHome):
    """The backend's own lock lets the second one end with exit code 2 before the first one is ready."""
    first = threading.Thread(target=home.backend().connect)
    first.start()
    connection = home.backend("-c", "import sys; sys.exit(2)").connect()
    first.join(60)
    assert connection.health["protocol"] == 3


def test_waiting_for_the_backend_can_be_cancelled(home: BackendHome):
    began = time.monotonic()
    with pytest.raises(Cancelled):
        home.backend("-c", "import time; time.sleep(5)").connect(cancelled=lambda: True)
    assert time.monotonic() - began < 3


def test_a_backend_that_hangs_is_named_with_its_process(home: BackendHome):
    hanging = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); "
    process = subprocess.Popen([sys.executable, "-c", f"{hanging} time.sleep(60)"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    url = f"http://127.0.0.1:{process.stdout.readline().strip()}/"
    home.ready_file.write_text(json.dumps({**READY, "url": url, "pid": process.pid}))
    try:
        with pytest.raises(UserError, match=f"not answered for 1 seconds; end its process, {process.pid}"):
            home.backend(silence_seconds=1).connect()
    finally:
        process.kill()
        process.communicate()


def test_asking_whether_one_runs_starts_none(home: BackendHome, running: BackendHome):
    assert home.backend().running() is None
    assert not home.log_file.exists()
    found = running.backend().running()
    assert found is not None
    assert found.health["device"] == "cpu"
