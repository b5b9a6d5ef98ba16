"""The jobs without a web server: stopping at every step, turns, files, memory."""

from __future__ import annotations

import itertools
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.editing.steps import InversionProgress
from backend.errors import UserError
from backend.server.jobs import JobRunner, Request
from backend.server.progress import inversion_update

DRAG = [{"handle": [40, 32], "target": [52, 32]}]


def request(picture: Path, session: str = "one", **changes: Any) -> Request:
    options = {"inversion_steps": 3, "steps": 3}
    wanted: dict[str, Any] = {"image": picture, "mask": None, "edit": None, "original": None, "drags": DRAG}
    return Request(**{**wanted, "options": options, "protocol": 2, "session": session, **changes})


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> JobRunner:
    return JobRunner(tmp_path_factory.mktemp("work"), torch.device("cpu"))


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is sent, however fast they come."""
    monkeypatch.setattr("backend.server.progress.UPDATE_EVERY", 0.0)


@pytest.mark.usefixtures("every_step")
def test_a_forgotten_job_does_not_take_another_step(runner: JobRunner, picture: Path) -> None:
    list(runner.drag(request(picture)))
    updates = len(list(runner.drag(request(picture))))  # of a picture whose inversion is remembered
    assert updates >= 7
    for last in range(updates - 1):
        job = runner.drag(request(picture))
        assert len(list(itertools.islice(job, last + 1))) == last + 1
        runner.forget("one")
        assert list(job) == []
        assert not runner.queue.busy


def test_closing_a_job_frees_the_turn(runner: JobRunner, picture: Path) -> None:
    job = runner.drag(request(picture))
    next(job)
    assert runner.queue.busy
    assert runner.queue.seconds_idle == 0
    job.close()  # type: ignore[attr-defined] - it is a generator
    assert not runner.queue.busy
    assert list(runner.drag(request(picture)))[-1][0].phase == "done"


def test_a_job_that_waits_for_its_turn_can_be_forgotten(runner: JobRunner, picture: Path) -> None:
    first, waiting = runner.drag(request(picture)), runner.drag(request(picture, session="two"))
    next(first)
    threading.Timer(0.2, runner.forget, ["two"]).start()
    assert list(waiting) == []
    assert runner.queue.busy
    assert len(list(first)) >= 3


def test_memory_is_given_back_only_between_jobs(runner: JobRunner, picture: Path) -> None:
    job = runner.drag(request(picture))
    next(job)
    next(job)
    runner.free()
    assert runner._editor is not None
    list(job)
    runner.free()
    assert runner._editor is None
    assert list(runner.drag(request(picture)))[-1][0].phase == "done"


def test_a_picture_found_once_is_found_at_once_when_the_model_or_the_process_has_gone(
    tmp_path: Path, picture: Path
) -> None:
    def inversions(runner: JobRunner) -> int:
        return sum(update.phase == "invert" for update, _ in runner.drag(request(picture)))

    (tmp_path / "work").mkdir()
    first = JobRunner(tmp_path / "work", torch.device("cpu"), tmp_path / "inversions")
    assert inversions(first) > 1
    first.free()
    assert inversions(first) == 1
    assert inversions(JobRunner(tmp_path / "work", torch.device("cpu"), tmp_path / "inversions")) == 1


def test_a_sweep_leaves_no_file(runner: JobRunner, picture: Path) -> None:
    files = list(runner.drag(request(picture)))[-1][1]
    assert all(Path(str(file)).is_file() for file in files)
    runner.sweep()
    assert list(runner.files.iterdir()) == []


def test_the_name_of_a_session_does_not_lead_out_of_the_folder(runner: JobRunner, picture: Path) -> None:
    files = list(runner.drag(request(picture, session="../../../away")))[-1][1]
    assert all(Path(str(file)).is_relative_to(runner.files / "results" / "saway") for file in files)


def test_too_little_memory_on_the_card_is_said_so(
    runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")

    monkeypatch.setattr(runner, "_open_editor", fail)
    with pytest.raises(UserError, match="too little free memory"):
        list(runner.drag(request(picture)))
    assert not runner.queue.busy


@pytest.mark.usefixtures("every_step")
def test_the_message_counts_what_was_to_move_not_the_pins(runner: JobRunner, picture: Path) -> None:
    drags = [*DRAG, {"handle": [30, 30], "target": [30, 30]}]
    updates = [update for update, _ in runner.drag(request(picture, drags=drags))]
    first = next(update for update in updates if update.phase == "drag")
    assert first.message == "0 of 1 points have arrived, 12 pixels to go."


@pytest.mark.parametrize(("psnr", "fit"), [(30.0, "well"), (26.0, "well"), (22.0, "fairly"), (17.6, "only roughly")])
def test_the_message_says_in_words_how_well_the_model_fits(psnr: float, fit: str) -> None:
    step = InversionProgress(3, 10, lambda: psnr, lambda: np.zeros((4, 4, 3), np.uint8))
    message = inversion_update(step, (0, 0, 4, 4), preview=False).message
    assert message == f"Finding the picture in the model. It fits the layer {fit} so far."


@pytest.mark.usefixtures("every_step")
def test_no_message_has_words_of_the_trade(runner: JobRunner, picture: Path) -> None:
    messages = " ".join(update.message for update, _ in runner.drag(request(picture)))
    assert messages
    assert not re.search(r"\b(dB|latent|tracker|psnr|W)\b|W\+", messages, re.IGNORECASE)
