"""The recipe of the embedded model, in small: it learns, it can be interrupted, it gives the same numbers again."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from stylegan2 import load
from stylegan2.critters.__main__ import main
from stylegan2.critters.making import factors, recipe
from stylegan2.critters.making.mixing import COARSE, mixed_codes
from stylegan2.critters.making.pairs import BLOCK, Pairs, latents
from stylegan2.critters.making.recipe import Stage
from stylegan2.critters.making.renderer import render
from stylegan2.critters.making.train import learning_rate, train
from stylegan2.errors import ModelError

STAGES = (
    Stage("paired 16", 16, 1600, (1e-2, 5e-3)),
    Stage("paired 32", 32, 320, (5e-3, 2e-3)),
    Stage("adversarial 32", 32, 160, (1e-3, 5e-4), adversarial=True),
)


def small_train(folder: Path, stages: tuple[Stage, ...] = STAGES, resume: bool = False) -> bool:
    return train(folder, 10, resume, stages, blocks=1, compiled=False)


def log(folder: Path) -> list[dict[str, str]]:
    """The lines of the log, without the seconds: these differ each time."""
    with (folder / "log.csv").open() as file:
        return [{name: value for name, value in line.items() if name != "seconds"} for line in csv.DictReader(file)]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """One block of images, for all trainings."""
    pairs = Pairs(tmp_path_factory.mktemp("pairs"), resolution=32)
    pairs.render(0)
    return pairs


@pytest.fixture
def new_folder(pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a training finds the images already there."""
    monkeypatch.setattr("stylegan2.critters.making.train.LOG_EVERY", 20)
    monkeypatch.setattr(recipe, "CHANNEL_BASE", 1024)
    monkeypatch.setattr(recipe, "CHANNEL_MAX", 32)
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / pairs.path(0).name).write_bytes(pairs.path(0).read_bytes())
    return tmp_path


def test_the_loss_falls_through_all_stages_and_the_model_loads(new_folder: Path):
    assert small_train(new_folder)
    lines = log(new_folder)
    assert [line["stage"] for line in lines] == ["0"] * 10 + ["1"] * 2 + ["2"] * 1
    paired = [float(line["pairs"]) for line in lines]
    assert paired[9] < 0.75 * paired[0]
    assert paired[11] < paired[0]
    assert all(lines[-1][name] for name in ("generator", "discriminator", "r1", "path length"))
    model = load(new_folder / "model.safetensors")
    assert model.generator.img_resolution == 32
    assert model.discriminator is not None
    assert len(list(new_folder.glob("samples-*.png"))) == 3
    assert list(new_folder.rglob("*.part")) == []


def test_the_same_seed_gives_the_same_numbers(new_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    again = tmp_path_factory.mktemp("again")
    (again / "pairs").symlink_to(new_folder / "pairs")
    short = (Stage("paired 16", 16, 320, (1e-2, 5e-3)),)
    assert small_train(new_folder, short)
    assert small_train(again, short)
    assert log(new_folder) == log(again)


def test_an_interrupted_training_goes_on_where_it_was(new_folder: Path, monkeypatch: pytest.MonkeyPatch):
    def stop_at_half(stage: Stage, images: int, since_start: int) -> float:
        if images == 800:
            raise KeyboardInterrupt
        return learning_rate(stage, images, since_start)

    stages = STAGES[:1]
    with monkeypatch.context() as patch:
        patch.setattr("stylegan2.critters.making.train.learning_rate", stop_at_half)
        with pytest.raises(KeyboardInterrupt):
            small_train(new_folder, stages)
    before = [float(line["pairs"]) for line in log(new_folder)]
    with pytest.raises(ModelError, match="go on with --resume"):
        small_train(new_folder, stages)
    assert small_train(new_folder, stages, resume=True)
    after = [float(line["pairs"]) for line in log(new_folder)][len(before) :]
    assert [line["pictures"] for line in log(new_folder)] == [str(160 * (i + 1)) for i in range(10)]
    assert after[0] < before[0]
    assert after[-1] < min(before)


@pytest.mark.parametrize("folder", ["run", None])
def test_there_is_nothing_to_resume_in_an_empty_folder(
    folder: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *filter(None, [folder]), "--resume"]) == 2
    assert f"no training in {folder or 'critters-run'}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("in the way")
    assert main(["train", str(tmp_path / "file" / "run")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_pair_is_a_latent_and_the_image_of_its_factors(pairs: Pairs):
    z, images = pairs.read(0, torch.tensor([3, 200]))
    assert torch.equal(z, latents(0)[[3, 200]])
    assert torch.equal(images, render(factors.from_latent(z), 32))


def test_blocks_differ_and_are_the_same_each_time():
    assert latents(1).shape == (BLOCK, 128)
    assert torch.equal(latents(1), latents(1))
    assert not torch.equal(latents(0), latents(1))


def test_mixing_leaves_geometry_to_the_coarse_layers_and_looks_to_the_fine_ones(monkeypatch: pytest.MonkeyPatch):
    """With a mapping that passes latents on, the codes show which of them each layer was given."""
    monkeypatch.setattr("stylegan2.critters.making.mixing.JITTER", 0.0)
    mapping = recipe.generator(64, None, seed=0).mapping
    monkeypatch.setattr(mapping, "transform", lambda z, _: z)
    z = torch.randn(400, 128, generator=torch.Generator().manual_seed(1))
    ws = mixed_codes(mapping, z, torch.Generator().manual_seed(2))
    for layer in range(mapping.num_ws):
        meant, given = factors.from_latent(z), factors.from_latent(ws[:, layer])
        kept = (meant - given).abs().max(0).values < 1e-4
        names = {name for name, same in zip(factors.NAMES, kept, strict=True) if same}
        look = set(factors.NAMES) - set(factors.GEOMETRY)
        assert names == (set(factors.GEOMETRY) if layer < COARSE else look), layer


def test_the_learning_rate_warms_up_and_falls():
    stage = Stage("paired", 16, 100_000, (1e-2, 1e-3))
    rates = [learning_rate(stage, images, images) for images in range(0, 100_000, 1000)]
    assert rates[0] < 1e-3
    assert max(rates) == pytest.approx(1e-2, rel=0.01)
    assert rates[-1] == pytest.approx(1e-3, rel=0.05)
    assert learning_rate(stage, 50_000, since_start=0) < 1e-4
