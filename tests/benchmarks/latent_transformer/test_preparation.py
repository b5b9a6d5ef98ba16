"""The latent transformers of models: trained from the model's own samples, kept beside it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

import stylegan2
from backend.errors import UserError
from stylegan2 import ModelError
from stylegan2.encoder_file import load_encoder
from tests.benchmarks.__main__ import main
from tests.benchmarks.latent_transformer.network import LatentTransformer
from tests.benchmarks.latent_transformer.preparation import (
    SAMPLES_A_STEP,
    file_of,
    find_latent_transformer,
    load,
    prepare,
    save,
)

SMALL = Path(__file__).parents[2] / "data" / "checkpoints" / "official_square.pkl"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path))


@pytest.fixture
def model() -> stylegan2.Model:
    return stylegan2.load(SMALL)


def test_a_stopped_training_is_kept_and_gone_on_with(model: stylegan2.Model) -> None:
    assert find_latent_transformer(model) is None
    training = prepare(model, samples=10 * SAMPLES_A_STEP)
    list(itertools.islice(training, 2))
    training.close()
    assert load(file_of(model), model)[1] == 2
    with pytest.raises(UserError, match=r"prepared already; give --resume"):
        list(prepare(model))
    steps = list(prepare(model, samples=4 * SAMPLES_A_STEP, resume=True))
    assert [step.samples for step in steps] == [3 * SAMPLES_A_STEP, 4 * SAMPLES_A_STEP]


def test_a_saved_one_does_the_same(model: stylegan2.Model, tmp_path: Path) -> None:
    generator, file = model.generator, tmp_path / "latent_transformer.safetensors"
    torch.manual_seed(1)
    network = LatentTransformer.for_generator(generator).eval().requires_grad_(False)
    torch.nn.init.normal_(network.change.weight, std=0.3)
    save(network, model.sha256, 7, file)
    read, steps = load(file, model)
    assert steps == 7
    w_plus = generator.mapping(torch.randn(1, generator.z_dim))
    handles, targets = torch.tensor([[9.0, 12.0]]), torch.tensor([[12.0, 12.0]])
    before, after = (one.edit(generator, w_plus, handles, targets) - w_plus for one in (network, read))
    assert float(before.norm()) > 0.1
    assert float((after - before).norm()) < 0.02 * float(before.norm()), "16-bit floats are near enough"
    assert list(tmp_path.iterdir()) == [file]


def test_that_of_another_model_is_refused(model: stylegan2.Model) -> None:
    list(prepare(model, samples=SAMPLES_A_STEP))
    file = file_of(model)
    model.sha256 = "0" * 64
    with pytest.raises(ModelError, match=r"belongs to another model; prepare the model again\."):
        load(file, model)
    with pytest.raises(ModelError, match=r"is no encoder that this version wrote"):
        load_encoder(file, model.generator)


@pytest.mark.parametrize("content", [b"", b"half of it", b"\x08\0\0\0\0\0\0\0{}      ", SMALL.read_bytes()[:2000]])
def test_a_file_that_is_none_is_refused(model: stylegan2.Model, content: bytes) -> None:
    file_of(model).parent.mkdir()
    file_of(model).write_bytes(content)
    with pytest.raises(ModelError, match=r"prepare the model again\."):
        find_latent_transformer(model)


def test_the_command_trains_one_until_its_time_is_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, model: stylegan2.Model
) -> None:
    command = ["python", "latent-transformer", "--model", str(SMALL), "--minutes", "0.0001"]
    monkeypatch.setattr("sys.argv", command)
    main()
    assert f"The latent transformer is {file_of(model)}." in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*command, "--resume"])
    main()
    found = find_latent_transformer(model)
    assert found is not None
    assert found[1] == 2
