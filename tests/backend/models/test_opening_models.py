"""Opening a model by name or file, and what is known of published ones."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

import stylegan2
from backend import paths
from backend.errors import UserError
from backend.models import available, catalogue, models, open_model
from stylegan2.critters import WEIGHTS
from stylegan2.errors import ModelError


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    paths.models_folder().mkdir(parents=True)
    return paths.models_folder()


def test_the_embedded_model_is_always_there() -> None:
    assert available() == ["critters"]
    loaded = open_model("critters")
    assert loaded.name == "critters"
    assert loaded.model.generator.image_size == models.sizes()["critters"]
    assert loaded.preset.drag.feature_block <= loaded.model.generator.img_resolution // 2


def test_a_missing_folder_is_an_empty_one(store: Path) -> None:
    store.rmdir()
    assert available() == ["critters"]


def test_a_file_is_opened_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "my animals.safetensors"
    shutil.copy(WEIGHTS, path)
    assert open_model(path).name == open_model(str(path)).name == "my animals"


def test_files_in_the_models_folder_go_by_their_names(store: Path) -> None:
    shutil.copy(WEIGHTS, store / "zebras.safetensors")
    shutil.copy(WEIGHTS, store / "bears.safetensors")
    (store / "notes.txt").write_text("no model")
    assert available() == ["critters", "bears", "zebras"]
    assert open_model("zebras").name == "zebras"


def test_a_damaged_file_is_listed_without_a_size_and_refused_when_opened(store: Path) -> None:
    (store / "broken.safetensors").write_bytes(b"broken")
    assert "broken" in available()
    assert "broken" not in models.sizes()
    with pytest.raises(ModelError, match="broken"):
        open_model("broken")


def test_a_published_file_goes_by_its_name_in_the_catalogue(store: Path) -> None:
    shutil.copy(WEIGHTS, store / "lions_512_pytorch.pkl")  # what a file is, its content decides
    assert available() == ["critters", "lions-512"]
    assert models.sizes()["lions-512"] == (512, 512)
    assert models.find("lions-512") == store / "lions_512_pytorch.pkl"


def test_a_published_model_that_is_not_here_says_how_it_is_fetched(store: Path) -> None:
    with pytest.raises(UserError, match="`python -m backend models download lions-512`"):
        open_model("lions-512")


def test_a_published_model_without_an_address_says_where_its_file_belongs(store: Path) -> None:
    with pytest.raises(UserError) as refused:
        open_model("microscope-512")
    assert f"put it there as {store / 'microscope-512.pkl'}." in str(refused.value)


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(UserError, match='no model called "unicorns"; choose one of critters'):
        open_model("unicorns")


@pytest.mark.parametrize("name", ["here.pkl", "here.pt", "./here", "C:\\models\\here"])
def test_what_looks_like_a_path_is_taken_as_one(name: str) -> None:
    with pytest.raises(UserError, match="does not exist; check its path"):
        open_model(name)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"text"):
        (tmp_path / "a.pkl").write_bytes(content)
        with pytest.raises(ModelError) as refused:
            open_model(tmp_path / "a.pkl")
        assert str(refused.value).endswith(".")


def test_a_published_file_is_recognised_by_its_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = stylegan2.load(WEIGHTS)
    model.metadata = dataclasses.replace(model.metadata, preset={})
    renamed = tmp_path / "renamed.safetensors"
    stylegan2.save(model, renamed)
    sha256 = stylegan2.load(renamed).sha256
    entry = catalogue.entries()[0].model_copy(update={"sha256": sha256, "preset": {"step_size": 0.125}})
    assert open_model(renamed).preset.drag.step_size != 0.125
    monkeypatch.setattr(catalogue, "entries", lambda: (entry,))
    assert open_model(renamed).preset.drag.step_size == 0.125
