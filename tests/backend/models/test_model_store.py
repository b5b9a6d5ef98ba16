"""`python -m backend models add|remove`: what the store takes, what it refuses, what it keeps."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

import stylegan2
from backend import paths
from backend.__main__ import main
from backend.models import available, catalogue, encoders, models, open_model, records
from stylegan2.critters import WEIGHTS
from stylegan2.files import sha256_of

CHECKPOINTS = Path(__file__).parents[2] / "data" / "checkpoints"
SQUARE = CHECKPOINTS / "official_square.pkl"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder that does not exist yet."""
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    return paths.models_folder()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and what was said: the lines of the output, or the one sentence of a refusal."""
    code = main(["models", *map(str, arguments)])
    said = capsys.readouterr()
    if code:
        assert code == 2
        assert said.out == ""
        assert said.err.endswith(".\n")
        assert said.err.count("\n") == 1
    return code, said.out + said.err


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize(
    ("file", "size"),
    [("official_nonsquare.pkl", (32, 16)), ("legacy_tf.pkl", (32, 32)), ("rosinality.pt", (32, 32)), ("", (256, 256))],
)
def test_a_model_of_every_kind_is_added_as_a_file_of_ours(
    store: Path, capsys: pytest.CaptureFixture[str], file: str, size: tuple[int, int]
) -> None:
    source = CHECKPOINTS / file if file else WEIGHTS
    assert run(capsys, "add", source, "--name", "Müllers Löwen 2.0")[0] == 0
    assert names(store) == [f"Müllers Löwen 2.0.{ending}" for ending in ("json", "png", "safetensors")]
    assert available() == ["critters", "Müllers Löwen 2.0"]
    assert models.sizes()["Müllers Löwen 2.0"] == size
    loaded = open_model("Müllers Löwen 2.0")
    assert loaded.name == loaded.model.metadata.name == "Müllers Löwen 2.0"
    assert loaded.model.generator.image_size == size


@pytest.mark.parametrize(
    "preset", [{"r1": "3"}, {"max_steps": 10.5}, {"feature_block": 64.5}, {"layers": "six"}, {"r2": 0}, {"speed": 1}]
)
def test_a_preset_with_a_value_of_another_type_is_refused(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, preset: dict[str, object]
) -> None:
    model = stylegan2.load(SQUARE)
    model.metadata = dataclasses.replace(model.metadata, preset=preset)
    stylegan2.save(model, tmp_path / "odd.safetensors")
    code, said = run(capsys, "add", tmp_path / "odd.safetensors", "--name", "odd")
    assert code == 2
    assert "preset" in said
    assert not store.exists() or not list(store.iterdir())


def test_what_was_added_makes_the_same_pictures(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "add", SQUARE, "--name", "squares")
    before, after = stylegan2.load(SQUARE), open_model("squares").model
    assert all(
        bool((tensor == after.generator.state_dict()[name]).all())
        for name, tensor in before.generator.state_dict().items()
    )
    assert after.discriminator is not None


def test_what_is_known_of_a_published_file_goes_with_it(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = stylegan2.load(SQUARE).sha256
    entry = (
        catalogue.entries()[0]
        .model_copy(
            update={"name": "known", "sha256": sha256, "urls": ("https://known",), "preset": {"step_size": 0.125}}
        )
        .model_copy(update={"aligned_faces": True, "usable_height": 24})
    )
    monkeypatch.setattr(catalogue, "entries", lambda: (entry,))
    run(capsys, "add", SQUARE, "--name", "mine")
    loaded = open_model("mine")
    assert loaded.preset.drag.step_size == 0.125
    assert loaded.makes == "lions"
    assert loaded.aligned_faces
    assert loaded.band == 4
    assert loaded.model.metadata.licence == "Apache-2.0"
    assert loaded.model.metadata.source == f"https://known, sha256 {sha256}"
    record = records.record_of(store / "mine.safetensors")
    assert record is not None
    assert record.original_sha256 == sha256
    assert record.sha256 == sha256_of(store / "mine.safetensors")
    assert record.licence == entry.licence


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "../up",
        "-x",
        "a.pkl",
        "a.SAFETENSORS",
        "nul",
        "COM1",
        "a\nb",
        "a.",
        "a ",
    ],
)
def test_a_name_that_is_no_plain_file_name_is_refused(
    store: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, said = run(capsys, "add", SQUARE, f"--name={name}")
    assert code == 2
    assert "cannot be the name of a model; take up to 64 letters" in said
    assert not store.exists()


def test_a_file_that_is_added_under_the_name_of_a_published_one_is_not_taken_for_it(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "add", SQUARE, "--name", "lions-512")
    (_, added) = models.offered()
    assert (added.title, added.entry, added.licence) == ("lions-512", None, "unknown")
    assert open_model("lions-512").makes == ""


def test_constants_can_be_stored_with_a_model(store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    preset = tmp_path / "preset.json"
    preset.write_text('{"step_size": 0.25}')
    run(capsys, "add", SQUARE, "--name", "squares", "--preset", preset)
    assert open_model("squares").preset.drag.step_size == 0.25


@pytest.mark.parametrize("content", ["", "[]", "{", '{"speed": 1}', '{"step_size": "fast"}', None])
def test_constants_that_are_none_are_refused(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None
) -> None:
    preset = tmp_path / "preset.json"
    if content is not None:
        preset.write_text(content)
    assert "preset" in run(capsys, "add", SQUARE, "--name", "squares", "--preset", preset)[1]
    assert not store.exists()


@pytest.mark.parametrize("name", ["lions", "Lions", "critters", "CRITTERS"])
def test_a_name_in_use_is_refused_and_nothing_replaced(
    store: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run(capsys, "add", WEIGHTS, "--name", "lions")
    before = (store / "lions.safetensors").read_bytes()
    code, said = run(capsys, "add", SQUARE, "--name", name)
    assert code == 2
    assert f'There is a model called "{name}" already' in said
    assert [entry.name for entry in store.glob("*.safetensors")] == ["lions.safetensors"]
    assert (store / "lions.safetensors").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"Dear diary", b"\x80\x02}q\x00.", None])
def test_a_file_that_is_no_model_is_refused_and_leaves_nothing(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "diary.pkl"
    if content is not None:
        file.write_bytes(content)
    code, said = run(capsys, "add", file, "--name", "diary")
    assert code == 2
    assert str(file) in said
    assert not store.exists()


def test_a_store_that_cannot_be_made_is_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.parent.write_text("a file where the folder should be")
    code, said = run(capsys, "add", SQUARE, "--name", "squares")
    assert code == 2
    assert str(store) in said


def test_a_model_without_a_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--name" in run(capsys, "add", SQUARE)[1]


def test_a_removed_model_is_gone_and_the_others_stay(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("bears", "lions"):
        run(capsys, "add", SQUARE, "--name", name)
    assert run(capsys, "remove", "bears")[0] == 0
    assert available() == ["critters", "lions"]
    assert names(store) == [f"lions.{ending}" for ending in ("json", "png", "safetensors")]


def test_a_model_that_cannot_be_deleted_keeps_what_belongs_to_it(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a file that is open stays."""
    run(capsys, "add", SQUARE, "--name", "bears")
    model = store / "bears.safetensors"
    encoder = encoders.file_of(sha256_of(model))
    encoder.parent.mkdir()
    encoder.write_bytes(b"trained for hours")
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == model:
            raise PermissionError(13, "used by another process")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    code, said = run(capsys, "remove", "bears")
    assert code == 2
    assert said == f"{model} cannot be deleted (used by another process); end what uses it and try again.\n"
    assert encoder.exists()
    assert names(store) == [f"bears.{ending}" for ending in ("json", "png", "safetensors")]


def test_the_embedded_model_is_not_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "is a part of this program and stays" in run(capsys, "remove", "critters")[1]
    assert WEIGHTS.is_file()


@pytest.mark.parametrize("name", ["unicorns", "../../precious", "precious.safetensors"])
def test_only_what_is_in_the_store_is_removed(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    run(capsys, "add", SQUARE, "--name", "bears")
    for folder in (tmp_path, store.parent, store):
        (folder / "precious.txt").write_text("")
    shutil.copy(WEIGHTS, tmp_path / "precious.safetensors")
    code, said = run(capsys, "remove", name)
    assert code == 2
    assert "in it is: bears" in said
    assert (tmp_path / "precious.safetensors").exists()


@pytest.mark.parametrize("arguments", [[], ["add"], ["remove"], ["rename"]])
def test_half_a_command_is_refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "--help` tells what can be given." in run(capsys, *arguments)[1]
