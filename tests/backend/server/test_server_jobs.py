"""The jobs without a web server: stopping at every step, turns, files, memory."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.editing.cached_inversion import CodeStep
from backend.editing.edit_state import EditState
from backend.editing.fit import Fit, Judge
from backend.editing.frame import Frame
from backend.editing.preset import LoadedModel
from backend.editing.region import Region, choose_region
from backend.editing.steps import InversionProgress
from backend.errors import UserError
from backend.files import written_whole
from backend.models import models
from backend.models.suggestion import Suggestion
from backend.server import result_files
from backend.server.job_queue import JobQueue
from backend.server.jobs import JobRunner
from backend.server.progress import Throttle, inversion_update, load_update
from backend.server.requests import Request
from stylegan2.encoder import Encoder
from tests.drafts import remember_drafts

DRAG = [{"handle": [40, 32], "target": [52, 32]}]


def request(picture: Path, session: str = "one", **changes: Any) -> Request:
    options = {"inversion_steps": 3, "steps": 3}
    wanted: dict[str, Any] = {"image": picture, "mask": None, "edit": None, "original": None, "drags": DRAG}
    return Request(**{**wanted, "options": options, "protocol": 3, "session": session, **changes})


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> JobRunner:
    return JobRunner(tmp_path_factory.mktemp("work"), torch.device("cpu"))


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is sent and shown, however fast they come."""
    monkeypatch.setattr("backend.server.progress.UPDATE_EVERY", 0.0)
    monkeypatch.setattr("backend.server.progress.PREVIEW_EVERY", 0.0)
    monkeypatch.setattr("backend.server.progress.PREVIEW_SHARE", float("inf"))


def test_previews_take_a_fifth_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step and an update take 0.05 s here, a preview one second more."""
    now = itertools.count(step=0.05)
    late = [0.0]
    monkeypatch.setattr("backend.server.progress.time.monotonic", lambda: next(now) + late[0])
    shown = 0
    steps: Any = range(400)
    for _, preview in Throttle(lambda: False).limit(steps):
        shown += preview
        late[0] += preview
    assert 0.1 < shown / (next(now) + late[0]) < 0.2


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


@pytest.mark.usefixtures("every_step")
def test_a_subject_that_is_found_in_a_frame_is_dragged_and_gone_on_from_there(
    runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = Frame(41.0, 33.0, 48 / 256, 20.0)

    def found(loaded: LoadedModel, part: np.ndarray, region: Region, *_: Any) -> Iterator[CodeStep]:
        generator = loaded.model.generator
        code = generator.mapping(torch.ones(1, generator.z_dim), truncation_psi=0.5)
        yield CodeStep(0, 1, code, lambda: 20.0, region)
        yield CodeStep(1, 1, code, lambda: 21.0, Region.framed(frame, (64, 80), region.model_size))

    monkeypatch.setattr("backend.editing.editor.invert_once", found)
    updates = list(runner.drag(request(picture)))
    framed = Region.framed(frame, (64, 80), (256, 256))
    regions = [update.region for update, _ in updates if update.phase in ("invert", "drag")]
    assert [region for region, _ in itertools.groupby(regions)] == [(8, 0, 64, 64), framed.box]
    preview = [update.preview for update, _ in updates if update.preview][-1]
    assert preview is not None
    assert abs(preview.width - framed.width * 256 / 48) < 1, "it is the rectangle's"
    done, (_, _, edit) = updates[-1]
    assert done.result is not None
    assert done.result.report["frame"] == dataclasses.asdict(frame)
    assert EditState.load(str(edit)).region == framed.moved_to(0, 0)


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


def test_a_result_is_kept_for_an_hour_or_until_the_sessions_next_job(
    runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, files = list(runner.drag(request(picture)))[-1]
    runner.forget("one")
    kept = runner.files.finished("one")
    assert kept is not None
    assert (kept.update, kept.files) == (update, files)
    runner.files.tidy()
    assert all(Path(str(file)).is_file() for file in files)
    now = result_files.time.monotonic()
    monkeypatch.setattr(result_files.time, "monotonic", lambda: now + result_files.KEPT_SECONDS + 1)
    runner.files.tidy()
    assert runner.files.finished("one") is None
    assert not any(Path(str(file)).exists() for file in files)


def test_results_are_kept_only_as_far_as_there_is_room(
    runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_files, "MOST_BYTES", 1)
    for session in ("a", "b"):
        list(runner.drag(request(picture, session=session)))
    assert runner.files.finished("a") is None
    assert runner.files.finished("b") is not None
    next(runner.drag(request(picture, session="b")))
    assert runner.files.finished("b") is None


def test_the_name_of_a_session_does_not_lead_out_of_the_folder(runner: JobRunner, picture: Path) -> None:
    files = list(runner.drag(request(picture, session="../../../away")))[-1][1]
    assert all(Path(str(file)).is_relative_to(runner.files.folder / "results" / "saway") for file in files)


def test_too_little_memory_on_the_card_is_said_so(
    runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")

    monkeypatch.setattr(runner, "_open_editor", fail)
    with pytest.raises(UserError, match="too little free memory"):
        list(runner.drag(request(picture)))
    assert not runner.queue.busy


@pytest.mark.parametrize("second", [MemoryError(), RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED")])
def test_a_card_that_is_lost_stays_so_whatever_the_job_fails_of_that_waited_behind(second: BaseException) -> None:
    def failing(error: BaseException) -> Iterator[None]:
        yield
        raise error

    queue = JobQueue()
    for error in (torch.AcceleratorError("CUDA error: unspecified launch failure"), second):
        with pytest.raises(UserError, match="has stopped working"):
            list(queue.run("one", lambda _, error=error: failing(error)))
    assert queue.device_lost


@pytest.mark.usefixtures("every_step")
def test_the_message_counts_what_was_to_move_not_the_pins(runner: JobRunner, picture: Path) -> None:
    drags = [*DRAG, {"handle": [30, 30], "target": [30, 30]}]
    updates = [update for update, _ in runner.drag(request(picture, drags=drags))]
    first = next(update for update in updates if update.phase == "drag")
    assert first.message == "0 of 1 points have arrived, 12 pixels to go."


@pytest.mark.parametrize(("fit", "words"), [("good", "well"), ("fair", "fairly"), ("poor", "only roughly")])
def test_the_message_says_in_words_how_well_the_model_fits(fit: Fit, words: str) -> None:
    region = Region(0, 0, 4, 4, (4, 4))
    step = InversionProgress(3, 10, lambda: 20.0, lambda: np.zeros((4, 4, 3), np.uint8), region)
    message = inversion_update(step, region.box, fit, preview=False).message
    assert message == f"Finding the picture in the model. It fits the layer {words} so far."


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., JobRunner]:
    """Makes a runner whose model has an encoder, for which every layer is of this fit."""
    remember_drafts(tmp_path)
    monkeypatch.setattr(models, "find_encoder", lambda model: Encoder.for_generator(model.generator))
    monkeypatch.setattr(
        "backend.editing.editor.find_subject", lambda _, image, size, *__: choose_region(image.shape[:2], size)
    )

    def make(guessed: Fit, found: Fit) -> JobRunner:
        fits = itertools.chain([guessed], itertools.repeat(found))
        monkeypatch.setattr(Judge, "fit", lambda *_: next(fits))
        (tmp_path / "work").mkdir(exist_ok=True)
        return JobRunner(tmp_path / "work", torch.device("cpu"), tmp_path / "cache")

    return make


def asking(picture: Path, poor_fit: str) -> Request:
    return request(picture, options={"inversion_steps": 0, "steps": 1, "poor_fit": poor_fit})


@pytest.mark.parametrize(("guessed", "found"), [("poor", "good"), ("good", "poor")])
def test_where_the_model_cannot_show_the_layer_a_client_is_asked_before_anything_moves(
    judged: Callable[..., JobRunner], picture: Path, guessed: str, found: str
) -> None:
    runner = judged(guessed, found)
    asked = [update for update, _ in runner.drag(asking(picture, "ask"))]
    assert {update.phase for update in asked} == {"load", "unfit", *(["invert"] if guessed == "good" else [])}
    assert asked[-1].phase == "unfit"
    assert asked[-1].message == "This model makes toy animals; it cannot rebuild this layer well."
    assert asked[-1].preview
    assert asked[-1].region == (8, 0, 64, 64)
    assert not runner.queue.busy
    done = [update for update, _ in runner.drag(asking(picture, "drag"))][-1]
    assert done.phase == "done"
    assert done.result
    assert done.result.report["fit"] == "poor"


def test_a_better_model_is_named_with_the_question(
    judged: Callable[..., JobRunner], picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cats = models.Offered("cats", Path("cats.safetensors"), (64, 64))
    asked: list[object] = []
    monkeypatch.setattr(
        "backend.server.jobs.better_model", lambda *given: asked.append(given) or Suggestion(cats, "good", 0.3)
    )
    last = [update for update, _ in judged("poor", "good").drag(asking(picture, "ask"))][-1]
    assert last.better_model == "cats"
    assert last.message.endswith('it cannot rebuild this layer well. The model "cats" fits it better.')
    (given,) = asked
    assert given[1] == "critters"  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize(("guessed", "found"), [("poor", "good"), ("good", "poor")])
def test_a_drag_that_requires_a_fit_is_refused_in_a_sentence(
    judged: Callable[..., JobRunner], picture: Path, guessed: str, found: str
) -> None:
    runner = judged(guessed, found)
    with pytest.raises(UserError, match="it cannot rebuild this layer well, so nothing was dragged; choose a model"):
        list(runner.drag(asking(picture, "refuse")))
    assert not runner.queue.busy


@pytest.mark.parametrize("poor_fit", ["ask", "refuse"])
def test_where_the_model_fits_nobody_is_asked(judged: Callable[..., JobRunner], picture: Path, poor_fit: str) -> None:
    done = [update for update, _ in judged("good", "fair").drag(asking(picture, poor_fit))][-1]
    assert done.result
    assert done.result.report["fit"] == "fair"


@pytest.mark.usefixtures("every_step")
def test_no_message_has_words_of_the_trade(runner: JobRunner, picture: Path) -> None:
    messages = " ".join(update.message for update, _ in runner.drag(request(picture)))
    assert messages
    assert not re.search(r"\b(dB|latent|tracker|psnr|W)\b|W\+", messages, re.IGNORECASE)


@contextlib.contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """There is room for an edit, but not for a layer."""

    def write(path: Path, pixels: Any) -> str:
        with written_whole(path):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("backend.pictures.write_plain", write)
        yield


@pytest.mark.usefixtures("every_step")
def test_a_full_disk_costs_the_writing_and_not_the_drag(
    runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk(monkeypatch), pytest.raises(UserError) as refused:
        list(runner.drag(request(picture)))
    sentence = f"The backend cannot store the result in {runner.files.folder} (No space left on device); make room"
    assert str(refused.value).startswith(sentence)
    (edit,) = (runner.files.folder / "results" / "sone").rglob("*.safetensors")  # what is small was kept first
    assert EditState.load(edit).model_name == "critters"
    again = list(runner.drag(request(picture, session="the next run")))
    assert [update.phase for update, _ in again] == ["load", "compose", "done"]
    assert all(Path(str(file)).is_file() for file in again[-1][1])
    result = again[-1][0].result
    assert result is not None
    assert [point["pin"] for point in result.report["points"]] == [False]


OTHERS: list[dict[str, Any]] = [
    {"drags": [{"handle": [40, 32], "target": [50, 32]}]},
    {"options": {"inversion_steps": 3, "steps": 2}},
]


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("change", OTHERS)
def test_what_a_full_disk_has_cost_is_no_result_of_another_drag(
    runner: JobRunner, picture: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    with full_disk(monkeypatch), pytest.raises(UserError):
        list(runner.drag(request(picture)))
    assert "drag" in [update.phase for update, _ in runner.drag(request(picture, **change))]


def edit_of(runner: JobRunner, picture: Path, folder: Path, model: str) -> Path:
    """The edit of a first drag, changed so that it names another model."""
    edit = EditState.load(str(list(runner.drag(request(picture)))[-1][1][2]))
    dataclasses.replace(edit, model_name=model).save(folder / "edit.safetensors")
    return folder / "edit.safetensors"


@pytest.mark.parametrize("name", ["{file}", "no such model"])
def test_a_model_that_an_edit_names_is_not_opened_unless_it_is_offered(
    runner: JobRunner, picture: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image from elsewhere can name any file; on Windows, opening one of another machine sends a password's hash."""
    file = tmp_path / "elsewhere.safetensors"
    file.write_bytes(models.WEIGHTS.read_bytes())
    opened: list[str] = []
    find = models.find
    monkeypatch.setattr(models, "find", lambda name: opened.append(name) or find(name))
    edit = edit_of(runner, picture, tmp_path, name.format(file=file))
    list(runner.drag(request(picture, edit=edit, options={"inversion_steps": 1, "steps": 1})))
    assert set(opened) == {"critters"}


def test_a_model_that_an_edit_names_and_the_store_has_is_taken(
    runner: JobRunner, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = edit_of(runner, picture, tmp_path, "mine")
    monkeypatch.setattr(models, "stored", lambda: {"mine": models.WEIGHTS})
    load = next(update for update, _ in runner.drag(request(picture, edit=edit, options={"steps": 1})))
    assert load.message == "Opening the model mine."


@pytest.mark.parametrize(
    ("name", "title"), [("critters", "Toy animals"), ("lions-512", "Lions (Self-Distilled)"), ("mine", "mine")]
)
def test_a_model_that_is_opened_is_told_by_its_title(name: str, title: str) -> None:
    assert load_update(name).message == f"Opening the model {title}."
