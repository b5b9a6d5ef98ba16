"""rosinality's .pt files of every kind: they compute what the paper says of their weights; what `info` tells."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from agreement import agrees, loaded, same_again
from foreign_files import as_rosinality, as_tensorflow, checkpoint, training_snapshot
from model_bytes import refused
from plain_networks import Plan, discriminator_tensors, generator_tensors

from stylegan2 import describe, load, save
from stylegan2.__main__ import main

pytestmark = pytest.mark.usefixtures("nvidia_names")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(13)


SQUARE = Plan("skip", channels=(8, 8, 6), z_dim=5, w_dim=5, hidden=5, dense_layers=3)
JUDGE = dataclasses.replace(SQUARE, variant="resnet")


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "old format"])
@pytest.mark.parametrize("with_d", [True, False], ids=["with d", "without d"])
@pytest.mark.parametrize("channels", [(8, 8, 8, 4), (8, 8, 8, 8), (7,), (6, 5, 4, 3, 2, 2)], ids=str)
def test_a_checkpoint_of_rosinality_computes_what_the_paper_says(
    tmp_path: Path, channels: tuple[int, ...], with_d: bool, archive: bool
):
    plan = dataclasses.replace(SQUARE, channels=channels)
    judge = dataclasses.replace(JUDGE, channels=channels) if with_d and len(channels) > 1 else None
    tensors, d_tensors = generator_tensors(plan), discriminator_tensors(judge) if judge else None
    data = as_rosinality(checkpoint(plan, tensors, d_tensors), archive=archive)
    model = loaded(tmp_path / "a.pt", data)
    agrees(model, plan, tensors, judge, d_tensors)
    same_again(model, tmp_path / "a.safetensors")
    assert describe(tmp_path / "a.pt").generator == model.generator.architecture


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "old format"])
def test_the_averaged_generator_of_a_training_snapshot_is_read(tmp_path: Path, archive: bool):
    tensors, d_tensors = generator_tensors(SQUARE), discriminator_tensors(JUDGE)
    model = loaded(tmp_path / "a.pt", as_rosinality(training_snapshot(SQUARE, tensors, d_tensors), archive=archive))
    tensors["mapping.w_avg"] = model.generator.mapping.w_avg
    agrees(model, SQUARE, tensors, JUDGE, d_tensors)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("archive", [True, False], ids=["archive", "old format"])
def test_every_protocol_of_pickles_is_read(tmp_path: Path, archive: bool, protocol: int):
    tensors = generator_tensors(SQUARE)
    torch.save(
        checkpoint(SQUARE, tensors), tmp_path / "a", pickle_protocol=protocol, _use_new_zipfile_serialization=archive
    )
    agrees(load(tmp_path / "a"), SQUARE, tensors)


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_the_mapping_of_a_checkpoint_may_be_of_any_depth(tmp_path: Path, depth: int):
    plan = dataclasses.replace(SQUARE, dense_layers=depth)
    tensors = generator_tensors(plan)
    agrees(loaded(tmp_path / "a.pt", as_rosinality(checkpoint(plan, tensors))), plan, tensors)


@pytest.mark.parametrize("plan", [SQUARE, Plan("skip", (2, 2), z_dim=64, w_dim=64, hidden=64, dense_layers=8)], ids=str)
def test_without_latent_avg_the_mean_of_samples_takes_its_place_and_is_always_the_same(tmp_path: Path, plan: Plan):
    data = as_rosinality(checkpoint(plan, generator_tensors(plan), mean=False))
    mapping = loaded(tmp_path / "a.pt", data).generator.mapping
    assert torch.equal(mapping.w_avg, load(tmp_path / "a.pt").generator.mapping.w_avg)
    expected = mapping(torch.randn(4000, plan.z_dim))[:, 0].mean(0)
    torch.testing.assert_close(mapping.w_avg, expected, atol=0.05, rtol=0.05)


def test_the_first_checkpoints_kept_no_noise_and_get_some(tmp_path: Path):
    content = checkpoint(SQUARE, generator_tensors(SQUARE))
    content["g_ema"] = {name: tensor for name, tensor in content["g_ema"].items() if "noises" not in name}
    generator = loaded(tmp_path / "a.pt", as_rosinality(content)).generator
    assert abs(float(generator.state_dict()["synthesis.b16.conv1.noise_const"].std()) - 1) < 0.2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_tensors_may_be_of_other_precision_and_share_a_storage(tmp_path: Path, dtype: torch.dtype):
    tensors = {name: tensor.to(torch.bfloat16).half().float() for name, tensor in generator_tensors(SQUARE).items()}
    content = checkpoint(SQUARE, tensors)
    flat = torch.cat([tensor.to(dtype).flatten() for tensor in content["g_ema"].values()])
    pieces = flat.split([tensor.numel() for tensor in content["g_ema"].values()])
    content["g_ema"] = {
        name: piece.view(tensor.shape) for (name, tensor), piece in zip(content["g_ema"].items(), pieces, strict=True)
    }
    agrees(loaded(tmp_path / "a.pt", as_rosinality(content)), SQUARE, tensors)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("convs.1.conv.weight", None, "lacks convs.1.conv.weight"),
        ("style.2.weight", torch.ones(5, 4), "mapping.fc1.weight is"),
        ("noises.noise_3", torch.ones(1, 1, 3, 3), "noise_const is"),
        ("convs.1.conv.weight", torch.ones(2, 2), "has a strange shape"),
        ("convs.0.conv.blur.kernel", torch.ones(3, 3), "resample_filter is"),
        ("to_rgbs.0.iwt.ll", torch.ones(2, 2), "to_rgbs.0.iwt.ll', which is no part"),
        ("style.1.bias", torch.ones(5, dtype=torch.int64), "floating-point numbers"),
        ("input.input", "text", "damaged tensor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_checkpoint_with_other_tensors_is_refused(tmp_path: Path, name: str, value: Any, match: str):
    content = checkpoint(SQUARE, generator_tensors(SQUARE))
    content["g_ema"][name] = value
    if value is None:
        del content["g_ema"][name]
    refused(tmp_path / "a.pt", as_rosinality(content), match)


def test_a_discriminator_that_does_not_fit_is_left_out(tmp_path: Path):
    content = checkpoint(SQUARE, generator_tensors(SQUARE), discriminator_tensors(JUDGE))
    del content["d"]["final_linear.1.bias"]
    model = loaded(tmp_path / "a.pt", as_rosinality(content))
    assert model.discriminator is None


@pytest.mark.parametrize("kind", ["pkl", "pt"])
def test_info_tells_of_any_format_what_matters_and_counts_the_weights(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
):
    tensors, d_tensors = generator_tensors(SQUARE), discriminator_tensors(JUDGE)
    path = tmp_path / "cats.anything"
    path.write_bytes(
        as_tensorflow(SQUARE, tensors, JUDGE, d_tensors)
        if kind == "pkl"
        else as_rosinality(checkpoint(SQUARE, tensors, d_tensors))
    )
    assert main(["info", str(path)]) == 0
    told = capsys.readouterr().out
    model = load(path)
    assert model.discriminator is not None
    weights, of_the_other = (sum(p.numel() for p in n.parameters()) for n in (model.generator, model.discriminator))
    whose = {"pkl": "NVIDIA's TensorFlow pickle", "pt": "rosinality's PyTorch checkpoint"}[kind]
    for fact in (whose, "cats", "16 x 16 pixels", "z 5, w 5", "3 layers", "b4: 8, b8: 8, b16: 6", model.sha256):
        assert fact in told
    assert f"generator:      {weights:,} weights" in told
    assert f"discriminator:  {of_the_other:,} weights" in told
    save(model, tmp_path / "cats.safetensors")
    assert main(["info", str(tmp_path / "cats.safetensors")]) == 0
    ours = capsys.readouterr().out
    assert "safetensors of this program" in ours
    assert f"generator:      {weights:,} weights" in ours
    assert f"discriminator:  {of_the_other:,} weights" in ours
