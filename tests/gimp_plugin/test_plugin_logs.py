"""The plug-in's log: one file for each process, few of them kept, every line with its job."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import UserError
from core import logs


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A plug-in's folder whose installation says where the logs are; the process's logger is as it was afterwards."""
    settings = {"log_file": str(tmp_path / "logs" / "backend.log")}
    (tmp_path / "backend.json").write_text(json.dumps(settings))
    logger = logging.getLogger("draggan")
    before = list(logger.handlers)
    logs.name_job("-")
    yield tmp_path
    for handler in set(logger.handlers) - set(before):
        handler.close()
        logger.removeHandler(handler)
    logs.name_job("-")


def test_lines_carry_the_job_they_belong_to(plugin: Path):
    file = logs.open_log(plugin)
    assert file.parent == plugin / "logs"
    logging.getLogger("draggan").info("before")
    logs.name_job("job-7")
    logging.getLogger("draggan.job").info("during")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith("INFO - draggan: before")
    assert lines[1].endswith("INFO job-7 draggan.job: during")


def test_a_log_that_grows_is_cut(plugin: Path):
    file = logs.open_log(plugin)
    for _ in range(30):
        logging.getLogger("draggan").info("x" * 50_000)
    assert sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*")) <= 2 * logs.SIZE


def test_a_log_that_another_process_deletes_meanwhile_does_no_harm(plugin: Path):
    """Two plug-ins that start at the same time delete the same old ones."""
    (plugin / "logs").mkdir()
    (plugin / "logs" / "plugin-20260101-000000-1.log").symlink_to(plugin / "deleted")
    assert logs.open_log(plugin).parent == plugin / "logs"


def test_only_the_newest_logs_of_earlier_processes_are_kept(plugin: Path):
    folder = plugin / "logs"
    folder.mkdir()
    for number in range(logs.KEPT + 5):
        (folder / f"plugin-20260101-0000{number:02}-1.log").touch()
    file = logs.open_log(plugin)
    kept = sorted(one.name for one in folder.glob(logs.PATTERN))
    assert len(kept) == logs.KEPT + 1
    assert file.name in kept
    assert f"plugin-20260101-0000{logs.KEPT + 4:02}-1.log" in kept


def test_an_error_names_the_log_that_tells_more_and_one_of_the_artists_names_none(plugin: Path):
    file = logs.open_log(plugin)
    assert logs.file() == file
    own = UserError("It broke; run the filter again.", logs.file())
    assert str(own) == f"It broke; run the filter again; the log is {file}."
    assert str(UserError("It broke.", Path("backend.log"))) == "It broke; the log is backend.log."
    assert str(UserError("Draw a path first.")) == "Draw a path first."
