"""TensorFlow's pickles of every kind: they compute what the paper says of their weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agreement import agrees, loaded, same_again
from foreign_files import as_tensorflow, generator_variables
from model_bytes import refused
from plain_networks import Plan, discriminator_tensors, generator_tensors

from stylegan2 import Discriminator, describe, load
from stylegan2.architecture import MappingArchitecture, discriminator_architecture

pytestmark = pytest.mark.usefixtures("nvidia_names")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(13)


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


def test_a_tensorflow_discriminator_of_classes_is_read(tmp_path: Path):
    labels = MappingArchitecture(
        z_dim=0, c_dim=3, w_dim=4, num_layers=2, embed_features=4, layer_features=4, lr_multiplier=0.1
    )
    plain = discriminator_architecture(img_resolution=16, channel_base=64, channel_max=8)
    judge = Discriminator(dataclasses.replace(plain, mapping=labels)).requires_grad_(False)
    for parameter in judge.parameters():
        parameter.normal_()
    g, d = Plan("skip", c_dim=3), Plan("resnet", channels=(8, 8, 4), c_dim=3, dense_layers=2)
    data = as_tensorflow(g, generator_tensors(g), d, dict(judge.state_dict()))
    found = loaded(tmp_path / "a.pkl", data).discriminator
    images, c = torch.randn(3, 3, 16, 16), torch.eye(3)
    assert found is not None
    assert found.architecture == judge.architecture
    assert torch.equal(found(images, c), judge(images, c))
    same_again(load(tmp_path / "a.pkl"), tmp_path / "a.safetensors")


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
        ({"num_fp16_res": float("inf")}, "num_fp16_res is no number"),
        ({"num_fp16_res": float("nan")}, "num_fp16_res is no number"),
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
