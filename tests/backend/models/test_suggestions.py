"""Which model fits a picture: by its encoder, or by drafts where it has none; the better one is suggested."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.__main__ import main
from backend.editing.fit import fit_of
from backend.editing.tensor_cache import TensorCache
from backend.models import encoders, models, open_model, suggestion
from stylegan2.critters.making import factors
from stylegan2.critters.making.pairs import HELD_OUT, latents
from stylegan2.critters.making.renderer import render

SQUARE = Path(__file__).parents[2] / "data" / "checkpoints" / "official_square.pkl"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache() -> TensorCache:
    return TensorCache()


@pytest.fixture
def two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded model, and one that has an encoder, too, but never learned anything."""
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path))
    assert main(["models", "add", str(SQUARE), "--name", "squares"]) == 0
    added = open_model("squares").model
    list(encoders.prepare(added, samples=1))


def opaque(pixels: np.ndarray) -> np.ndarray:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def head(number: int) -> np.ndarray:
    """A toy animal that no training saw, uint8 [256, 256, 4]."""
    values = factors.from_latent(latents(HELD_OUT)[number : number + 1])
    return opaque(render(values, 256)[0].permute(1, 2, 0).contiguous().numpy())


def stripes() -> np.ndarray:
    columns = np.where(np.arange(256) // 16 % 2, 230, 30).astype(np.uint8)
    return opaque(np.broadcast_to(columns[None, :, None], (256, 256, 3)))


@pytest.mark.parametrize("number", range(4))
def test_drafts_alone_tell_the_models_own_kind_from_others(cache: TensorCache, number: int) -> None:
    without = dataclasses.replace(open_model("critters"), encoder=None)
    assert fit_of(suggestion.judged(without, head(number), cache)) != "poor"


def test_drafts_alone_tell_another_kind(cache: TensorCache) -> None:
    without = dataclasses.replace(open_model("critters"), encoder=None)
    assert fit_of(suggestion.judged(without, stripes(), cache)) == "poor"
    assert fit_of(suggestion.judged(without, head(0)[:, ::-1].transpose(1, 0, 2), cache)) == "poor", "on its side"


def test_what_is_transparent_counts_for_nothing(cache: TensorCache) -> None:
    without = dataclasses.replace(open_model("critters"), encoder=None)
    image = head(0)
    image[:, 200:] = (255, 0, 255, 0)
    assert fit_of(suggestion.judged(without, image, cache)) != "poor"
    image[..., 3] = 0
    with pytest.raises(ValueError, match="fully transparent"):
        suggestion.judged(without, image, cache)


@pytest.mark.usefixtures("two_models")
def test_the_model_that_shows_a_picture_is_suggested_in_the_place_of_one_that_cannot(cache: TensorCache) -> None:
    found = suggestion.better_model(head(0), "squares", CPU, cache, 60)
    assert found is not None
    assert found.model.name == "critters"
    assert found.fit != "poor"


@pytest.mark.usefixtures("two_models")
def test_nothing_is_suggested_for_what_no_other_model_shows(cache: TensorCache) -> None:
    assert suggestion.better_model(stripes(), "squares", CPU, cache, 60) is None
    assert suggestion.better_model(head(0), "squares", CPU, cache, -1) is None, "there is no time"


@pytest.mark.usefixtures("two_models")
def test_a_model_without_an_encoder_is_not_tried_on_the_way_to_a_drag(cache: TensorCache) -> None:
    encoders.file_of(open_model("squares").model.sha256).unlink()
    assert [encoders.is_prepared(model.path) for model in models.offered()] == [True, False]


@pytest.mark.usefixtures("two_models")
def test_the_command_ranks_the_models_that_are_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(head(0)).save(tmp_path / "head.png")
    (tmp_path / "models" / "broken.safetensors").write_bytes(b"broken")
    capsys.readouterr()
    assert main(["models", "suggest", str(tmp_path / "head.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] in ("good", "fair")
    assert lines[0].endswith("critters  Toy animals")
    assert len(lines) == 3
    assert "up to 1 is good" in lines[-1]


def test_a_picture_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.png").write_text("no picture")
    assert main(["models", "suggest", str(tmp_path / "text.png")]) == 2
    assert "cannot be read as a picture" in capsys.readouterr().err
