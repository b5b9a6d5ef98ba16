"""TensorFlow's pickles and rosinality's .pt files of every kind: they compute what the paper says of their weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_files import as_rosinality, as_tensorflow, checkpoint, generator_variables, training_snapshot
from model_bytes import refused
from plain_networks import Plan, Tensors, discriminator_tensors, generated, generator_tensors, judged, mapped

from stylegan2 import Model, describe, load, save
from stylegan2.__main__ import main

pytestmark = pytest.mark.usefixtures("nvidia_names")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(13)


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def loaded(path: Path, data: bytes) -> Model:
    path.write_bytes(data)
    return load(path)


def agrees(model: Model, g: Plan, tensors: Tensors, d: Plan | None = None, d_tensors: Tensors | None = None) -> None:
    """The model maps, generates and judges as the equations over its tensors do; so does its copy in our format."""
    z, ws = torch.randn(3, g.z_dim), torch.randn(2, g.num_ws, g.w_dim)
    c = torch.eye(g.c_dim)[torch.arange(3) % g.c_dim] if g.c_dim else None
    close(model.generator.mapping(z, c)[:, 0], mapped(g, tensors, z, c))
    close(model.generator.synthesis(ws), generated(g, tensors, ws))
    assert torch.equal(model.generator.mapping.w_avg, tensors["mapping.w_avg"])
    if d is None or d_tensors is None:
        assert model.discriminator is None
        return
    images = torch.randn(3, 3, d.resolutions[-1], d.resolutions[-1])
    assert model.discriminator is not None
    close(model.discriminator(images), judged(d, d_tensors, images))


def same_again(model: Model, path: Path) -> None:
    """Written as ours and read again, every number is the same."""
    save(model, path)
    again = load(path)
    assert again.generator.architecture == model.generator.architecture
    for old, new in ((model.generator, again.generator), (model.discriminator, again.discriminator)):
        before, after = (network.state_dict() if network is not None else {} for network in (old, new))
        assert before.keys() == after.keys()
        assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


# NVIDIA's TensorFlow pickles

PLANS = {
    "config-f in small": Plan("skip", channels=(8, 8, 8, 4), z_dim=6, w_dim=6, hidden=6, dense_layers=8),
    "config-e, half as wide": Plan("skip", channels=(8, 8, 4, 2), z_dim=6, w_dim=6, hidden=6, dense_layers=8),
    "TADNE's proportions": Plan("skip", channels=(16, 16, 16, 8), z_dim=16, w_dim=16, hidden=16, dense_layers=4),
    "z, w and the mapping of three widths": Plan("skip", z_dim=9, w_dim=5, hidden=7, dense_layers=3),
    "one mapping layer": Plan("skip", z_dim=4, w_dim=5, dense_layers=1),
    "residual": Plan("resnet"),
    "one after the other": Plan("orig"),
    "one block": Plan("skip", channels=(6,)),
    "128 pixels": Plan("skip", channels=(6, 5, 4, 3, 2, 2)),
    "clamped": Plan("skip", clamp=0.6),
    "residual, clamped": Plan("resnet", clamp=0.6),
    "classes": Plan("skip", c_dim=4),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_tensorflow_network_of_any_size_computes_what_the_paper_says(tmp_path: Path, name: str):
    plan = PLANS[name]
    tensors = generator_tensors(plan)
    model = loaded(tmp_path / "a.pkl", as_tensorflow(plan, tensors))
    agrees(model, plan, tensors)
    same_again(model, tmp_path / "a.safetensors")
    assert describe(tmp_path / "a.pkl").generator == model.generator.architecture


@pytest.mark.parametrize("clamp", [None, 0.6], ids=["free", "clamped"])
@pytest.mark.parametrize("variant", ["orig", "skip", "resnet"])
def test_a_tensorflow_discriminator_gives_the_papers_logits(tmp_path: Path, variant: str, clamp: float | None):
    g, d = Plan("skip"), Plan(variant, clamp=clamp)
    tensors, d_tensors = generator_tensors(g), discriminator_tensors(d)
    model = loaded(tmp_path / "a.pkl", as_tensorflow(g, tensors, d, d_tensors))
    agrees(model, g, tensors, d, d_tensors)
    same_again(model, tmp_path / "a.safetensors")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickles_is_read(tmp_path: Path, protocol: int):
    plan = Plan("skip", channels=(24, 5, 4))  # some of its arrays stay in the file until they are wanted
    tensors = generator_tensors(plan)
    agrees(loaded(tmp_path / "a.pkl", as_tensorflow(plan, tensors, protocol=protocol)), plan, tensors)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_variables_may_be_of_other_precision_and_in_the_other_order(tmp_path: Path, dtype: type[np.floating[Any]]):
    plan = Plan("skip")
    tensors = {name: tensor.half().float() for name, tensor in generator_tensors(plan).items()}
    changes = {
        name: np.asfortranarray(value.astype(dtype)) if isinstance(value, np.ndarray) else value
        for name, value in generator_variables(plan, tensors).items()
        if "mod_bias" not in name
    }
    agrees(loaded(tmp_path / "a.pkl", as_tensorflow(plan, tensors, changes=changes)), plan, tensors)


def test_a_tensorflow_network_without_noise_has_none(tmp_path: Path):
    plan = Plan("skip")
    tensors = {n: t * 0 if n.endswith("noise_strength") else t for n, t in generator_tensors(plan).items()}
    changes = dict.fromkeys(name for name in generator_variables(plan, tensors) if "noise" in name)
    model = loaded(tmp_path / "a.pkl", as_tensorflow(plan, tensors, changes=changes))
    assert not any(flag for block in model.generator.architecture.blocks for flag in block.use_noise)
    agrees(model, plan, tensors)


def test_the_learning_rate_of_the_mapping_is_read(tmp_path: Path):
    plan = Plan("skip")
    model = loaded(tmp_path / "a.pkl", as_tensorflow(plan, generator_tensors(plan), arguments={"mapping_lrmul": 0.1}))
    assert model.generator.architecture.mapping.lr_multiplier == 0.1


def test_half_precision_is_recorded_and_what_does_not_matter_is_passed_over(tmp_path: Path):
    plan = Plan("skip")
    tensors = generator_tensors(plan)
    extra = {"num_fp16_res": 2, "randomize_noise": True, "fused_modconv": True, "resolution_w": 16, "fmap_base": 7}
    model = loaded(tmp_path / "a.pkl", as_tensorflow(plan, tensors, arguments=extra))
    assert model.generator.architecture.num_fp16_res == 2
    agrees(model, plan, tensors)


def test_a_tensorflow_network_of_upright_pictures_keeps_their_proportions(tmp_path: Path):
    plan = Plan("skip")
    tensors = generator_tensors(plan)
    upright = {
        name: value.repeat(2, axis=-2)
        for name, value in generator_variables(plan, tensors).items()
        if isinstance(value, np.ndarray) and (".noise" in name or "Const" in name)
    }
    model = loaded(tmp_path / "a.pkl", as_tensorflow(plan, tensors, changes=upright))
    assert model.generator.image_size == (32, 16)
    assert model.generator(torch.randn(1, plan.z_dim)).shape == (1, 3, 32, 16)


def test_without_dlatent_avg_the_mean_of_samples_takes_its_place(tmp_path: Path):
    plan = Plan("skip", c_dim=2)
    data = as_tensorflow(plan, generator_tensors(plan), changes={"own.dlatent_avg": None})
    mapping = loaded(tmp_path / "a.pkl", data).generator.mapping
    z, c = torch.randn(4000, plan.z_dim), torch.eye(2)[torch.arange(4000) % 2]
    torch.testing.assert_close(mapping.w_avg, mapping(z, c)[:, 0].mean(0), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"resample_kernel": [1, 2, 1]}, r"resample_kernel is not \[1, 3, 3, 1\]"),
        ({"resample_kernel": None}, "resample_kernel is not"),
        ({"nonlinearity": "relu"}, "nonlinearity is not lrelu"),
        ({"mapping_nonlinearity": "linear"}, "mapping_nonlinearity is not lrelu"),
        ({"normalize_latents": False}, "normalize_latents is not True"),
        ({"mapping_lrmul": "fast"}, "mapping_lrmul is no number"),
        ({"conv_clamp": []}, "conv_clamp is no number"),
    ],
)
def test_a_tensorflow_network_that_our_layers_do_not_compute_is_refused_by_name(
    tmp_path: Path, arguments: dict[str, Any], match: str
):
    plan = Plan("skip")
    refused(tmp_path / "a.pkl", as_tensorflow(plan, generator_tensors(plan), arguments=arguments), match)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"mapping.LabelConcat/weight": np.ones((2, 3), np.float32)}, "LabelConcat"),
        ({"synthesis.8x8/Conv2/weight": np.ones((3, 3, 2, 2), np.float32)}, "8x8/Conv2/weight', which is no part"),
        ({"synthesis.8x8/Conv1/weight": None}, "lacks 8x8/Conv1/weight"),
        ({"synthesis.noise3": None}, "lacks noise3"),
        ({"synthesis.noise3": np.ones((1, 1, 3, 3), np.float32)}, "b16.conv0.noise_const is"),
        ({"synthesis.8x8/Conv1/weight": np.ones(3, np.float32)}, "8x8/Conv1/weight has a strange shape"),
        ({"synthesis.8x8/Conv1/weight": np.ones((3, 3, 9, 9), np.float32)}, "where floating-point numbers"),
        ({"mapping.Dense1/weight": np.ones((5, 5), np.int32)}, "damaged tensor"),
        ({"mapping.Dense1/weight": np.ones((5, 5), ">f4")}, "damaged tensor"),
        ({"mapping.Dense1/weight": np.array([[None, {}]], object)}, "damaged tensor"),
        ({"mapping.Dense1/weight": np.ones((5, 5), [("a", "f4")])}, "damaged tensor"),
        ({"mapping.Dense1/weight": "text"}, "damaged tensor"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_tensorflow_pickle_with_other_variables_is_refused(tmp_path: Path, changes: dict[str, Any], match: str):
    plan = Plan("skip")
    refused(tmp_path / "a.pkl", as_tensorflow(plan, generator_tensors(plan), changes=changes), match)


# rosinality's .pt files

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


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_the_mapping_of_a_checkpoint_may_be_of_any_depth(tmp_path: Path, depth: int):
    plan = dataclasses.replace(SQUARE, dense_layers=depth)
    tensors = generator_tensors(plan)
    agrees(loaded(tmp_path / "a.pt", as_rosinality(checkpoint(plan, tensors))), plan, tensors)


def test_without_latent_avg_the_mean_of_samples_takes_its_place_and_is_always_the_same(tmp_path: Path):
    data = as_rosinality(checkpoint(SQUARE, generator_tensors(SQUARE), mean=False))
    mapping = loaded(tmp_path / "a.pt", data).generator.mapping
    assert torch.equal(mapping.w_avg, load(tmp_path / "a.pt").generator.mapping.w_avg)
    expected = mapping(torch.randn(4000, SQUARE.z_dim))[:, 0].mean(0)
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


# What is told about a file


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
