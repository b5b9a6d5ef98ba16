"""The log: one process writes it, it does not grow without end, and each line tells its job."""

from __future__ import annotations

import contextvars
import logging
import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import paths
from backend.errors import UserError
from backend.server import instance, lifecycle, log
from tests.backend.server.harness import Backend, submit, updates


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    return tmp_path / "Jörg Müller"


@pytest.fixture
def started() -> Iterator[Path]:
    """The log file of this process; afterwards its logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield log.start()
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


def lines(path: Path) -> list[str]:
    """Job and message of each line."""
    pattern = r"\S+ \S+ [A-Z]+ \d+ job (\S+) backend: (.*)"
    found = [re.fullmatch(pattern, line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [f"{match[1]} {match[2]}" for match in found if match]


def work() -> Generator[int, None, None]:
    try:
        log.logger.info("begins")
        yield 1
        log.logger.info("goes on")
        yield 2
    finally:
        log.logger.info("ends")


def test_what_a_job_logs_carries_its_id_and_nothing_else_does(started: Path) -> None:
    for step in log.of_job("a1", work()):
        log.logger.info("between, after %d", step)
    assert lines(started) == ["a1 begins", "- between, after 1", "a1 goes on", "- between, after 2", "a1 ends"]


def test_a_job_that_is_given_up_logs_its_end_too(started: Path) -> None:
    steps = log.of_job("a1", work())
    next(steps)
    steps.close()  # pyright: ignore[reportAttributeAccessIssue]
    log.logger.info("afterwards")
    assert lines(started) == ["a1 begins", "a1 ends", "- afterwards"]


def test_every_step_may_be_made_in_a_context_of_its_own(started: Path) -> None:
    one, other = log.of_job("a1", work()), log.of_job("b2", work())
    for steps in (one, other, one, other):
        contextvars.copy_context().run(next, steps)
    assert lines(started) == ["a1 begins", "b2 begins", "a1 goes on", "b2 goes on"]


def test_an_unexpected_error_names_the_log_and_the_job_under_which_it_is_there(started: Path) -> None:
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError:
        said = log.unexpected("dragging", "a1")
        plain = log.unexpected("starting")
    assert said.endswith(f"while dragging; what it was is written in {started}, under job a1.")
    assert plain.endswith(f"while starting; what it was is written in {started}.")
    assert lines(started) == ["a1 While dragging", "- While starting"]
    assert "ZeroDivisionError: by zero" in started.read_text(encoding="utf-8")


def test_the_log_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(log, "LARGEST", 1000)
    path = request.getfixturevalue("started")
    for number in range(200):
        log.logger.info("line %d", number)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["backend.log", *(f"backend.log.{n + 1}" for n in range(log.BACKUPS))]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert lines(path)[-1] == "- line 199"


def test_a_log_that_cannot_be_renamed_does_not_grow_without_end_and_loses_no_line(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """As on Windows, where the file stays open that a backend was given for what it prints."""
    monkeypatch.setattr(log, "LARGEST", 1000)
    path: Path = request.getfixturevalue("started")
    rename, replace = os.rename, os.replace

    def refuse(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def refusing(source: Any, target: Any) -> None:
            if Path(source) == path:
                raise PermissionError(13, "used by another process")
            original(source, target)

        return refusing

    monkeypatch.setattr(os, "rename", refuse(rename))
    monkeypatch.setattr(os, "replace", refuse(replace))
    for number in range(50):
        log.logger.info("line %d", number)
    files = [path.with_name("backend.log.2"), path.with_name("backend.log.1"), path]
    assert all(file.stat().st_size <= 1000 for file in files)
    seen = [line for file in files for line in lines(file)]
    assert seen == [f"- line {number}" for number in range(50 - len(seen), 50)]


def test_a_backend_that_gives_way_to_another_leaves_the_log_alone(home: Path) -> None:
    with instance.sole_instance():
        home.joinpath("backend.json").write_text("")
        with pytest.raises(UserError, match="already running"):
            lifecycle.serve()
    assert not paths.log_file().exists()


def test_a_log_that_cannot_be_written_is_named(home: Path) -> None:
    home.mkdir()
    paths.log_file().parent.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot be written") as refused:
        lifecycle.serve()
    assert str(paths.log_file()) in str(refused.value)


def test_the_lines_of_two_drags_tell_them_apart(backend: Backend, picture: Path) -> None:
    clients = [backend.client(), backend.client()]
    for client in clients:
        list(updates(submit(client, picture)))
    jobs = [
        set(re.findall(rf"job (\S+) backend: Job of session {client.session_hash} (?:starts|ends)", backend.log()))
        for client in clients
    ]
    assert [len(ids) for ids in jobs] == [1, 1]
    assert jobs[0] != jobs[1]
    assert "-" not in jobs[0] | jobs[1]
