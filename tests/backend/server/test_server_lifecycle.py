"""Start, readiness, the one instance, and every way in which the backend ends."""

from __future__ import annotations

import argparse
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest

from backend import client_processes, paths
from backend.errors import UserError
from backend.server import commands, instance, lifecycle
from tests.backend.server.harness import WITHOUT_END, Backend, submit, until_phase, updates, wait_until

WINDOWS = os.name == "nt"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A backend that is this file's to kill; each test starts it when it needs it."""
    backend = Backend(tmp_path_factory.mktemp("life") / "Zoë's files")
    yield backend
    if backend.process and backend.process.poll() is None:
        backend.process.kill()


def test_nothing_runs_at_first(own: Backend) -> None:
    own.home.mkdir()
    status, stop = own.command("status"), own.command("stop")
    assert (status.returncode, status.stdout) == (1, "The backend is not running.\n")
    assert (stop.returncode, stop.stdout) == (1, "The backend is not running.\n")


def test_the_ready_file_says_where_and_is_its_owners_alone(own: Backend) -> None:
    own.start()
    assert own.process
    assert own.ready["url"].startswith("http://127.0.0.1:")
    assert own.ready["pid"] == own.process.pid
    assert own.ready["protocol"] == 3
    assert len(own.ready["token"]) >= 32
    if not WINDOWS:
        assert stat.S_IMODE(own.ready_file.stat().st_mode) == 0o600
        assert stat.S_IMODE((own.home / "work").stat().st_mode) == 0o700
    assert own.health()["busy"] is False  # it answers as soon as the file is there


def test_status_is_one_line(own: Backend) -> None:
    status = own.command("status")
    assert status.returncode == 0
    assert status.stdout.count("\n") == 1
    assert own.ready["url"] in status.stdout
    assert own.ready["token"] not in status.stdout


def test_a_second_backend_refuses_and_names_the_first(own: Backend) -> None:
    second = own.command("serve")
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert f"already running (process {own.ready['pid']}" in second.stderr
    assert own.health()["busy"] is False


def test_a_client_notices_that_the_backend_was_killed(own: Backend, picture: Path) -> None:
    for phase in ("load", "invert", "drag"):
        steps = WITHOUT_END if phase == "invert" else 0
        job = submit(own.client(), picture, {"inversion_steps": steps, "steps": WITHOUT_END})
        until_phase(job, phase)
        assert own.process
        own.process.kill()
        with pytest.raises((CancelledError, httpx.HTTPError)):
            list(updates(job))
        own.process.wait(10)
        assert own.ready_file.exists()  # nobody was left to remove it
        own.start()
        assert not list((own.home / "work").rglob("*.png"))  # the pictures of the killed one


def test_stop_ends_it_also_in_the_middle_of_a_job(own: Backend, picture: Path) -> None:
    job = submit(own.client(), picture, {"inversion_steps": WITHOUT_END})
    until_phase(job, "invert")
    stopped = own.command("stop")
    assert (stopped.returncode, stopped.stdout) == (0, "The backend has been stopped.\n")
    assert own.process
    assert own.process.wait(10) == 0
    assert not own.ready_file.exists()
    assert not (own.home / "work").exists()
    wait_until(job.done, "the client noticed")


def test_the_stale_ready_file_of_a_killed_backend_is_recognised(own: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(own.home))
    content = {"url": "http://127.0.0.1:1/", "pid": os.getpid(), "token": "t", "protocol": 3}
    instance.write_ready_file(content, paths.ready_file())
    assert instance.running() is None
    assert not own.ready_file.exists()


def test_what_cannot_be_deleted_in_the_work_folder_keeps_no_backend_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, where another program has a file of it open."""
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path))
    kept = tmp_path / "work" / "open elsewhere.png"
    kept.parent.mkdir(mode=0o755)
    kept.touch()
    monkeypatch.setattr(lifecycle.shutil, "rmtree", lambda *_, **__: None)
    files = lifecycle.empty_work_folder()
    assert list(files.iterdir()) == [kept]
    assert WINDOWS or stat.S_IMODE(files.stat().st_mode) == 0o700


def test_a_backend_that_has_not_started_yet_is_neither_used_nor_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path))
    with instance.sole_instance() as alone:
        assert alone
        assert instance.running() == "starting"
        for content in ("", "[]", '{"url": 1}'):
            (tmp_path / "backend.json").write_text(content)
            assert instance.running() == "starting"
        with pytest.raises(UserError, match="already running; use it, or end it with"):
            lifecycle.serve()
    assert instance.running() is None


@pytest.mark.skipif(WINDOWS, reason="Windows has no such bits")
@pytest.mark.parametrize("there_already", [False, True])
def test_its_folders_are_its_owners_alone_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there_already: bool
) -> None:
    home = tmp_path / "missing" / "home"
    monkeypatch.setenv("DRAGGAN_HOME", str(home))
    before = os.umask(0)
    try:
        if there_already:
            (home / "logs").mkdir(parents=True)
        with instance.sole_instance():
            pass
        paths.make_private(paths.log_file().parent)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (home, home / "logs")] == [0o700, 0o700]


@pytest.mark.skipif(WINDOWS, reason="Windows has no such bits")
def test_a_folder_that_all_users_share_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    paths.make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


@pytest.mark.skipif(WINDOWS, reason="Windows ends a process without asking it")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_good_order(own: Backend, number: signal.Signals) -> None:
    own.start("--idle-minutes", "0")
    assert own.process
    own.client()
    own.process.send_signal(number)
    assert own.process.wait(10) == 0
    assert not own.ready_file.exists()
    assert "Traceback" not in own.log().rpartition("Starting at")[2]


def test_it_ends_itself_when_nobody_asks_for_anything(own: Backend) -> None:
    started = time.monotonic()
    own.start("--idle-minutes", "0.02")
    assert own.process
    assert own.process.wait(30) == 0
    assert time.monotonic() - started > 1.2
    assert not own.ready_file.exists()


@pytest.mark.parametrize("text", ["-1", "nan", "soon", ""])
def test_serve_refuses_a_time_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser(prog="backend")
    commands.add_commands(parser.add_subparsers())
    with pytest.raises(SystemExit) as refused:
        parser.parse_args(["serve", "--idle-minutes", text])
    assert refused.value.code == 2
    assert "--idle-minutes" in capsys.readouterr().err


def test_the_backend_speaks_to_nobody_but_this_machine(backend: Backend, own: Backend, picture: Path) -> None:
    list(updates(submit(backend.client(), picture)))
    for one in (backend, own):
        lines = one.addresses.read_text(encoding="utf-8").splitlines()
        assert "socket.bind 127.0.0.1" in lines  # the watch works
        assert {line.split(" ", 1)[1] for line in lines} <= {"127.0.0.1", "localhost", "b'127.0.0.1'"}


def look(
    alone: float,
    resting: float,
    idle_seconds: float = 1800,
    fetching: bool = False,
    unattended: float = 0,
    lost: bool = False,
) -> list[str]:
    """What the watcher does when nobody was connected for `alone` and no job ran for `resting` seconds."""
    done: list[str] = []
    runner = SimpleNamespace(
        queue=SimpleNamespace(seconds_idle=resting, device_lost=lost), free=lambda: done.append("free")
    )
    access = SimpleNamespace(seconds_alone=alone)
    catalogue = SimpleNamespace(downloads=SimpleNamespace(is_busy=fetching))
    server: Any = SimpleNamespace(
        runner=runner, access=access, catalogue=catalogue, stop=lambda: done.append("stop"), tidy=lambda: None
    )
    lifecycle._Watcher(server, idle_seconds, unattended).look()
    return done


def test_first_the_memory_goes_then_the_process() -> None:
    assert look(alone=0, resting=0) == []
    assert look(alone=90, resting=90) == []
    assert look(alone=400, resting=400) == ["free"]
    assert look(alone=0, resting=4000) == ["free"]  # someone is connected, and may fetch a result
    assert look(alone=2000, resting=2000) == ["free", "stop"]
    assert look(alone=1e9, resting=1e9, idle_seconds=0) == ["free"]
    assert look(alone=2000, resting=2000, fetching=True) == ["free"]
    assert look(alone=0, resting=0, lost=True) == ["stop"]  # only a new process can use the device


@pytest.mark.skipif(WINDOWS, reason="Windows has other priorities")
def test_other_programs_come_first(backend: Backend) -> None:
    assert backend.process
    assert psutil.Process(backend.process.pid).nice() >= lifecycle.NICE


def test_one_that_was_started_for_another_computer_ends_soon_after_the_last_of_its_clients_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path))
    client = paths.client_processes_folder() / str(os.getpid())
    client.parent.mkdir()
    client.touch()
    assert look(alone=90, resting=90, unattended=60) == []
    client.unlink()
    assert look(alone=50, resting=90, unattended=60) == []
    assert look(alone=90, resting=90, unattended=60) == ["stop"]
    assert look(alone=90, resting=90, unattended=60, idle_seconds=0) == ["stop"]


def test_a_client_that_was_killed_or_has_the_number_of_an_older_process_does_not_count(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / str(ended.pid)).touch()
    assert not client_processes.any_running(tmp_path)
    (tmp_path / str(os.getpid())).touch()
    assert client_processes.any_running(tmp_path)
    os.utime(tmp_path / str(os.getpid()), (1, 1))
    assert not client_processes.any_running(tmp_path)
    assert list(tmp_path.iterdir()) == []
