"""Our own model files, the embedded model, and the two commands."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stylegan2 import Generator, Metadata, Model, ModelError, describe, load, save
from stylegan2.__main__ import main
from stylegan2.architecture import generator_architecture

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ROOT / "tests" / "data" / "checkpoints"
CRITTERS = ROOT / "stylegan2" / "critters" / "weights.safetensors"


def small_model() -> Model:
    torch.manual_seed(5)
    architecture = generator_architecture(
        z_dim=8, w_dim=6, img_resolution=16, mapping_layers=2, channel_base=128, channel_max=8
    )
    metadata = Metadata("tiny", "CC0-1.0", "a test", preset={"step_size": 0.5, "layers": 6})
    return Model(Generator(architecture).eval(), None, metadata)


def header(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def rewrite(path: Path, **changes: str) -> Path:
    """The same file with other entries in its header."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, header(path) | changes)
    return path


def one_sentence(error: BaseException, path: Path) -> None:
    text = str(error)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    assert len(text) < 250 + len(str(path))


def test_what_is_saved_comes_back_exactly(tmp_path: Path):
    model = small_model()
    save(model, tmp_path / "tiny.safetensors")
    again = load(tmp_path / "tiny.safetensors")
    assert again.metadata == model.metadata
    assert again.generator.architecture == model.generator.architecture
    z = torch.randn(2, 8)
    torch.testing.assert_close(again.generator(z, None, 0.7), model.generator(z, None, 0.7), atol=0, rtol=0)


def test_half_precision_files_load_as_float32(tmp_path: Path):
    model = small_model()
    save(model, tmp_path / "full.safetensors")
    save(model, tmp_path / "half.safetensors", torch.float16)
    assert (tmp_path / "half.safetensors").stat().st_size < (tmp_path / "full.safetensors").stat().st_size
    loaded = load(tmp_path / "half.safetensors").generator
    assert all(p.dtype == torch.float32 for p in loaded.parameters())


@pytest.mark.parametrize(
    "file",
    [
        *("official_square.pkl", "official_fp16_clamp.pkl", "official_conditional.pkl"),
        *("legacy_tf.pkl", "rosinality.pt"),
    ],
)
def test_converting_keeps_every_weight_and_output_and_the_discriminator(tmp_path: Path, file: str):
    out = tmp_path / "converted.safetensors"
    assert main(["convert", str(CHECKPOINTS / file), str(out), "--licence", "CC-BY-4.0"]) == 0
    before, after = load(CHECKPOINTS / file), load(out)
    z, c = torch.randn(2, before.generator.z_dim), torch.eye(3)[:2] if before.generator.c_dim else None
    ws = before.generator.mapping(z, c, truncation_psi=0.7)
    image = before.generator.synthesis(ws)
    torch.testing.assert_close(after.generator.mapping(z, c, truncation_psi=0.7), ws, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.generator.synthesis(ws), image, atol=1e-6, rtol=0)
    assert before.discriminator is not None
    assert after.discriminator is not None
    logits = before.discriminator(image, c)
    torch.testing.assert_close(after.discriminator(image, c), logits, atol=1e-6, rtol=0)
    for old, new in [(before.generator, after.generator), (before.discriminator, after.discriminator)]:
        assert old.state_dict().keys() == new.state_dict().keys()
        assert all(torch.equal(tensor, new.state_dict()[key]) for key, tensor in old.state_dict().items())
    assert (after.metadata.name, after.metadata.licence) == (Path(file).stem, "CC-BY-4.0")
    assert before.sha256 in after.metadata.source


def test_a_converted_file_uses_the_parameter_names_of_nvidia(tmp_path: Path):
    out = tmp_path / "converted.safetensors"
    main(["convert", str(CHECKPOINTS / "official_square.pkl"), str(out)])
    with safe_open(out, framework="pt") as file:
        names = set(file.keys())
    expected = {"mapping.fc0.weight", "mapping.w_avg", "synthesis.b4.const", "synthesis.b8.conv0.affine.bias"}
    assert expected <= names
    assert {"synthesis.b32.torgb.weight", "discriminator.b32.fromrgb.weight"} <= names


def test_the_files_content_decides_not_its_name(tmp_path: Path):
    disguised = tmp_path / "model.safetensors"
    disguised.write_bytes((CHECKPOINTS / "official_square.pkl").read_bytes())
    assert load(disguised).generator.img_resolution == 32
    other = tmp_path / "model.pkl"
    other.write_bytes(CRITTERS.read_bytes())
    assert load(other).generator.img_resolution == 256


def test_the_embedded_model_loads_and_draws():
    model = load(CRITTERS)
    assert (model.metadata.name, model.metadata.licence) == ("critters", "CC0-1.0")
    with torch.no_grad():
        z = torch.randn(2, model.generator.z_dim, generator=torch.Generator().manual_seed(0))
        image = model.generator(z, truncation_psi=0.7)
    assert image.shape == (2, 3, 256, 256)
    assert float(image.std()) > 0.2
    assert float(image.abs().max()) < 1.5


def test_a_discriminator_of_another_size_is_left_out_and_that_is_logged(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        assert load(CHECKPOINTS / "official_nonsquare.pkl").discriminator is None
    (record,) = caplog.records
    assert "another size than the generator's" in record.getMessage()
    assert record.levelno == logging.INFO, "Python prints warnings to stderr where no log is set up"


def _drop(key: str) -> str:
    return f'{{"without {key}": 1}}'


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "something else"},
        {"format_version": "99"},
        {"architecture": "{not json"},
        {"architecture": "[]"},
        {"architecture": "null"},
        {"architecture": _drop("generator")},
        {"preset": "{"},
        {"preset": "[" * 200_000},
    ],
)
def test_a_nonsense_header_is_refused_with_one_sentence(tmp_path: Path, changes: dict[str, str]):
    path = tmp_path / "bad.safetensors"
    save(small_model(), path)
    with pytest.raises(ModelError) as caught:
        load(rewrite(path, **changes))
    one_sentence(caught.value, path)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("mapping", "z_dim", 1 << 40),
        ("mapping", "w_dim", -1),
        ("mapping", "num_layers", 1e9),
        ("mapping", "lr_multiplier", "fast"),
        ("mapping", "layer_features", True),
        (None, "const_size", [4, 10**9]),
        (None, "blocks", []),
        (None, "blocks", [{"resolution": 4}]),
        (None, "blocks", {"b4": 1}),
        (None, "img_channels", 0),
    ],
)
def test_an_impossible_architecture_is_refused_before_any_memory_is_taken(
    tmp_path: Path, section: str | None, key: str, value: object
):
    path = tmp_path / "bad.safetensors"
    save(small_model(), path)
    architecture = json.loads(header(path)["architecture"])
    part = architecture["generator"][section] if section else architecture["generator"]
    part[key] = value
    with pytest.raises(ModelError) as caught:
        load(rewrite(path, architecture=json.dumps(architecture)))
    one_sentence(caught.value, path)


def test_a_huge_but_lawful_architecture_costs_nothing_until_the_weights_are_seen_to_be_missing(
    tmp_path: Path,
):
    path = tmp_path / "huge.safetensors"
    save(small_model(), path)
    architecture = json.loads(header(path)["architecture"])
    for block in architecture["generator"]["blocks"]:
        block["channels"] = 65536
    with pytest.raises(ModelError) as caught:  # its weights would take more than 100 TB
        load(rewrite(path, architecture=json.dumps(architecture)))
    one_sentence(caught.value, path)


@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "integers"])
def test_weights_that_do_not_fit_are_refused_with_one_sentence(tmp_path: Path, damage: str):
    path = tmp_path / "bad.safetensors"
    save(small_model(), path)
    description = header(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    name = "synthesis.b8.conv1.weight"
    if damage == "missing":
        del tensors[name]
    else:
        tensors["synthesis.b8.conv9.weight" if damage == "extra" else name] = {
            "extra": torch.ones(1),
            "shape": torch.ones(3, 3),
            "integers": torch.ones(8, 8, 3, 3, dtype=torch.int32),
        }[damage]
    save_file(tensors, path, description)
    with pytest.raises(ModelError) as caught:
        load(path)
    one_sentence(caught.value, path)


def test_safetensors_of_another_program_are_refused_with_one_sentence(tmp_path: Path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(ModelError) as caught:
        load(path)
    one_sentence(caught.value, path)


@pytest.mark.parametrize("part", [0.0001, 0.01, 0.5, 0.999])
def test_a_truncated_file_of_ours_is_refused_with_one_sentence(tmp_path: Path, part: float):
    data = CRITTERS.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ModelError) as caught:
        load(path)
    one_sentence(caught.value, path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"the old one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ModelError, match="No space left") as caught:
        save(small_model(), path)
    one_sentence(caught.value, path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    assert path.read_bytes() == b"the old one"


def test_a_file_that_is_briefly_held_open_by_another_program_is_still_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real, attempts = os.replace, []

    def busy_twice(source: Path, target: Path) -> None:
        attempts.append(target)
        if len(attempts) < 3:
            raise PermissionError(13, "The process cannot access the file")
        real(source, target)

    monkeypatch.setattr("os.replace", busy_twice)
    save(small_model(), tmp_path / "model.safetensors")
    assert load(tmp_path / "model.safetensors").metadata.name == "tiny"


@pytest.mark.parametrize("case", ["missing input", "folder", "text", "same file", "suffix", "missing folder"])
def test_convert_refuses_nonsense_with_one_sentence_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
):
    text = tmp_path / "letter.safetensors"
    text.write_text("Dear Sir or Madam,")
    good = str(CHECKPOINTS / "official_square.pkl")
    source, target = {
        "missing input": (str(tmp_path / "none.pkl"), "out.safetensors"),
        "folder": (str(tmp_path), "out.safetensors"),
        "text": (str(text), "out.safetensors"),
        "same file": (str(text), text.name),
        "suffix": (good, "out.pkl"),
        "missing folder": (good, "nowhere/out.safetensors"),
    }[case]
    assert main(["convert", source, str(tmp_path / target)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.endswith(".\n")
    assert [file.name for file in tmp_path.iterdir()] == ["letter.safetensors"]


def test_convert_stores_a_preset_and_halves_the_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save(small_model(), tmp_path / "in.safetensors")
    (tmp_path / "preset.json").write_text('{"step_size": 0.25}')
    (tmp_path / "list.json").write_text("[1]")
    files = [str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors")]
    assert main(["convert", *files, "--half", "--preset", str(tmp_path / "preset.json")]) == 0
    assert load(files[1]).metadata.preset == {"step_size": 0.25}
    assert Path(files[1]).stat().st_size < Path(files[0]).stat().st_size
    for bad in ("list.json", "in.safetensors", "none.json"):
        assert main(["convert", *files, "--preset", str(tmp_path / bad)]) == 2
        assert capsys.readouterr().err.startswith("The preset ")


def test_info_runs_as_a_program_and_tells_what_matters():
    command = [sys.executable, "-m", "stylegan2", "info", str(CRITTERS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for fact in ("critters", "CC0-1.0", "rendered toy animal heads", "256 x 256 pixels", "14 layers in W+"):
        assert fact in done.stdout


@pytest.mark.parametrize("file", ["official_square.pkl", "official_conditional.pkl", "legacy_tf.pkl", "rosinality.pt"])
def test_what_info_counts_is_what_loading_finds(tmp_path: Path, file: str):
    model = load(CHECKPOINTS / file)
    save(model, tmp_path / "ours.safetensors")
    assert model.discriminator is not None
    counts = [sum(p.numel() for p in network.parameters()) for network in (model.generator, model.discriminator)]
    for path in (CHECKPOINTS / file, tmp_path / "ours.safetensors"):
        found = describe(path)
        assert [found.generator_parameters, found.discriminator_parameters] == counts
        assert found.generator == model.generator.architecture
        assert found.discriminator == model.discriminator.architecture
    assert describe(CHECKPOINTS / file).sha256 == model.sha256
    assert describe(CHECKPOINTS / file).metadata == model.metadata


def test_info_refuses_nonsense_with_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "empty.pkl").touch()
    assert main(["info", str(tmp_path / "empty.pkl")]) == 2
    assert "is empty" in capsys.readouterr().err
