"""The encoders of models: prepared from the model's own samples, kept beside it, used from then on."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

import stylegan2
from backend.__main__ import main
from backend.errors import UserError
from backend.models import encoders, open_model
from stylegan2.encoder_file import load_encoder
from stylegan2.training.encoder import BATCH

SMALL = Path(__file__).parents[2] / "data" / "checkpoints" / "official_square.pkl"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path))


@pytest.fixture
def model() -> stylegan2.Model:
    return stylegan2.load(SMALL)


def test_the_embedded_model_comes_with_its_encoder() -> None:
    loaded = open_model("critters")
    assert loaded.encoder is not None
    assert loaded.encoder.sample_distances is not None, "so that the first fit is judged at once"


def test_a_prepared_model_has_an_encoder_from_then_on(model: stylegan2.Model) -> None:
    assert open_model(SMALL).encoder is None
    steps = list(encoders.prepare(model, samples=3 * BATCH))
    assert [step.samples for step in steps] == [BATCH, 2 * BATCH, 3 * BATCH]
    assert steps[-1].seconds_left == 0
    encoder = open_model(SMALL).encoder
    assert encoder is not None
    assert encoder.sample_distances is not None


def test_the_encoder_of_other_weights_is_not_taken(model: stylegan2.Model) -> None:
    list(encoders.prepare(model, samples=BATCH))
    file, model.sha256 = encoders.file_of(model.sha256), "0" * 64
    file.rename(encoders.file_of(model.sha256))
    assert encoders.find_encoder(model) is None


def test_a_stopped_training_is_kept_and_gone_on_with(model: stylegan2.Model) -> None:
    training = encoders.prepare(model, samples=10 * BATCH)
    list(itertools.islice(training, 2))
    training.close()
    assert load_encoder(encoders.file_of(model.sha256), model.generator).steps == 2
    with pytest.raises(UserError, match=r"prepared already; give --resume"):
        list(encoders.prepare(model, samples=10 * BATCH))
    steps = list(encoders.prepare(model, samples=4 * BATCH, resume=True))
    assert [step.samples for step in steps] == [3 * BATCH, 4 * BATCH]


def test_there_is_nothing_to_resume_at_first(model: stylegan2.Model) -> None:
    with pytest.raises(UserError, match="nothing to resume"):
        list(encoders.prepare(model, resume=True))


def test_the_time_ends_a_training(model: stylegan2.Model) -> None:
    assert len(list(encoders.prepare(model, minutes=1e-9))) == 1


def test_a_damaged_encoder_is_as_if_there_were_none(model: stylegan2.Model, caplog: pytest.LogCaptureFixture) -> None:
    file = encoders.file_of(model.sha256)
    file.parent.mkdir()
    file.write_bytes(b"half of it")
    assert open_model(SMALL).encoder is None
    assert "prepare the model again" in caplog.text


def test_the_command_prepares_a_model(capsys: pytest.CaptureFixture[str], model: stylegan2.Model) -> None:
    assert main(["models", "prepare", str(SMALL), "--minutes", "0.001"]) == 0
    output = capsys.readouterr()
    assert "minutes; Ctrl+C keeps what was learned." in output.out + output.err
    assert f"its encoder is {encoders.file_of(model.sha256)}." in output.out
    assert main(["models", "prepare", str(SMALL)]) == 2
    assert "give --resume" in capsys.readouterr().err


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "soon"])
def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], minutes: str) -> None:
    assert main(["models", "prepare", str(SMALL), f"--minutes={minutes}"]) == 2
    assert "give a number of minutes above 0" in capsys.readouterr().err


def test_a_removed_model_takes_its_encoder_along() -> None:
    assert main(["models", "add", str(SMALL), "--name", "square"]) == 0
    added = open_model("square").model
    list(encoders.prepare(added, samples=BATCH))
    assert encoders.file_of(added.sha256).is_file()
    assert main(["models", "remove", "square"]) == 0
    assert not encoders.file_of(added.sha256).exists()


def test_what_was_learned_stays_finite(model: stylegan2.Model) -> None:
    list(encoders.prepare(model, samples=4 * BATCH))
    saved = load_encoder(encoders.file_of(model.sha256), model.generator)
    assert all(bool(torch.isfinite(value).all()) for value in saved.encoder.state_dict().values())
