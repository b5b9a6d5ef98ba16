"""The architectures "orig", "skip" and "resnet" compute what the paper says, from a pickle and from our own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from model_bytes import refused
from plain_networks import Plan, Tensors, as_pickle, discriminator_tensors, generated, generator_tensors, judged, mapped
from safetensors import safe_open
from safetensors.torch import save_file

from stylegan2 import Discriminator, Generator, Metadata, Model, describe, load, save
from stylegan2.__main__ import shown
from stylegan2.architecture import discriminator_architecture, generator_architecture

VARIANTS = ("orig", "skip", "resnet")
pytestmark = pytest.mark.usefixtures("nvidia_names")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(6)


def imported(path: Path, g: Plan, d: Plan) -> tuple[Model, Tensors, Tensors]:
    """A model file in NVIDIA's format, loaded, and the tensors in it."""
    g_tensors, d_tensors = generator_tensors(g), discriminator_tensors(d)
    path.write_bytes(as_pickle(g, g_tensors, d, d_tensors))
    return load(path), g_tensors, d_tensors


def discriminator_of(model: Model) -> Discriminator:
    assert model.discriminator is not None
    return model.discriminator


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("clamp", [None, 0.8], ids=["free", "clamped"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_generator_makes_the_papers_image(tmp_path: Path, variant: str, clamp: float | None):
    plan = Plan(variant, clamp=clamp)
    model, tensors, _ = imported(tmp_path / "a.pkl", plan, Plan("resnet"))
    assert model.generator.architecture.variant == variant
    ws = torch.randn(2, plan.num_ws, plan.w_dim)
    close(model.generator.synthesis(ws), generated(plan, tensors, ws))
    tuned = ws.clone().requires_grad_()
    close(model.generator.synthesis(tuned).detach(), generated(plan, tensors, ws))


@pytest.mark.parametrize("clamp", [None, 0.8], ids=["free", "clamped"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_discriminator_gives_the_papers_logits(tmp_path: Path, variant: str, clamp: float | None):
    plan = Plan(variant, clamp=clamp)
    model, _, tensors = imported(tmp_path / "a.pkl", Plan("skip"), plan)
    discriminator, images = discriminator_of(model), torch.randn(3, 3, 16, 16)
    assert discriminator.architecture.variant == variant
    close(discriminator(images), judged(plan, tensors, images))
    assert [tuple(map.shape[1:]) for map in discriminator.features(images)] == [(5, 8, 8), (6, 4, 4)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_later_block_has_a_say_in_the_features_of_one(tmp_path: Path, variant: str):
    plan = Plan(variant, channels=(6, 5, 4, 3))
    model, _, _ = imported(tmp_path / "a.pkl", plan, Plan("resnet", channels=(4, 4, 4, 4)))
    ws = torch.randn(1, plan.num_ws, plan.w_dim)
    before = model.generator.synthesis.features(ws, 16)
    assert before.shape == (1, 4, 16, 16)
    for name, tensor in model.generator.named_parameters():
        if ".b32." in name:
            tensor.zero_()
    assert torch.equal(model.generator.synthesis.features(ws, 16), before)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_draft_is_the_image_as_far_as_it_has_colours_by_then(tmp_path: Path, variant: str):
    plan = Plan(variant, channels=(6, 5, 4, 3))
    model, _, _ = imported(tmp_path / "a.pkl", plan, Plan("resnet", channels=(4, 4, 4, 4)))
    synthesis, ws = model.generator.synthesis, torch.randn(1, plan.num_ws, plan.w_dim)
    draft, image = synthesis.draft(ws, 16), synthesis(ws)
    assert torch.equal(synthesis.draft(ws, 32), image)
    assert draft.shape == ((1, 3, 16, 16) if variant == "skip" else image.shape)
    for name, tensor in model.generator.named_parameters():
        if ".b32." in name:
            tensor.zero_()
    assert torch.equal(synthesis.draft(ws, 16), draft) == (variant == "skip")


@pytest.mark.parametrize("hidden", [3, 5, 11], ids=["narrow", "as wide as w", "wide"])
@pytest.mark.parametrize("classes", [0, 4])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_mapping_may_be_of_any_width(tmp_path: Path, hidden: int, classes: int, layers: int):
    plan = Plan("skip", hidden=hidden, c_dim=classes, dense_layers=layers)
    model, tensors, _ = imported(tmp_path / "a.pkl", plan, Plan("resnet"))
    z, c = torch.randn(4, plan.z_dim), torch.eye(4) if classes else None
    wanted = mapped(plan, tensors, z, c)
    save(model, tmp_path / "a.safetensors")
    for generator in (model.generator, load(tmp_path / "a.safetensors").generator):
        ws = generator.mapping(z, c)
        assert ws.shape == (4, plan.num_ws, plan.w_dim)
        close(ws[:, 0], wanted)
        close(ws[:, -1], wanted)


@pytest.mark.parametrize("discriminator", VARIANTS)
@pytest.mark.parametrize("generator", VARIANTS)
def test_our_own_file_keeps_the_variants(tmp_path: Path, generator: str, discriminator: str):
    model, _, _ = imported(tmp_path / "a.pkl", Plan(generator), Plan(discriminator, clamp=0.7))
    save(model, tmp_path / "a.safetensors")
    again = load(tmp_path / "a.safetensors")
    assert again.generator.architecture == model.generator.architecture
    assert discriminator_of(again).architecture == discriminator_of(model).architecture
    ws, images = torch.randn(1, 6, 5), torch.randn(2, 3, 16, 16)
    assert torch.equal(again.generator.synthesis(ws), model.generator.synthesis(ws))
    assert torch.equal(discriminator_of(again)(images), discriminator_of(model)(images))
    assert f"{generator} generator, {discriminator} discriminator" in shown(describe(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_papers_few_numbers_make_every_variant(variant: str, tmp_path: Path):
    small = {"img_resolution": 16, "channel_base": 64, "channel_max": 8, "conv_clamp": 256.0, "variant": variant}
    g = Generator(generator_architecture(z_dim=4, w_dim=4, mapping_layers=2, **small))
    d = Discriminator(discriminator_architecture(**small))
    save(Model(g, d, Metadata("small")), tmp_path / "a.safetensors")
    image = load(tmp_path / "a.safetensors").generator(torch.randn(2, 4))
    assert discriminator_of(load(tmp_path / "a.safetensors"))(image).shape == (2, 1)


def rewritten(path: Path, change: dict[str, object]) -> None:
    """The file with other entries for both networks; None takes an entry out."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = dict(file.metadata())
    described = json.loads(metadata["architecture"])
    for network in described.values():
        network.update(change)
        for key in [key for key, value in network.items() if value is None]:
            del network[key]
    save_file(tensors, path, metadata | {"architecture": json.dumps(described)})


def test_a_file_from_before_the_choice_is_what_it_always_was(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    model, _, _ = imported(tmp_path / "a.pkl", Plan("skip"), Plan("resnet"))
    save(model, path)
    rewritten(path, {"variant": None})
    assert b'"variant"' not in path.read_bytes()[:20_000]
    again, ws = load(path), torch.randn(1, 6, 5)
    assert (again.generator.architecture.variant, discriminator_of(again).architecture.variant) == ("skip", "resnet")
    assert torch.equal(again.generator.synthesis(ws), model.generator.synthesis(ws))


@pytest.mark.parametrize("value", ["resnet2", 7, ["skip"], True])
def test_a_variant_that_is_none_is_refused(tmp_path: Path, value: object):
    path = tmp_path / "a.safetensors"
    model, _, _ = imported(tmp_path / "a.pkl", Plan("skip"), Plan("resnet"))
    save(model, path)
    rewritten(path, {"variant": value})
    refused(path, path.read_bytes(), "variant should be one of orig, skip, resnet")


@pytest.mark.parametrize(
    ("module", "attribute", "value"),
    [
        ("synthesis.b8", "architecture", "skip"),
        ("synthesis.b8", "architecture", None),
        ("synthesis.b16.skip", "activation", "lrelu"),
        ("synthesis.b16.skip", "act_gain", 0.7),
        ("synthesis.b16.skip", "up", 1),
        ("synthesis.b16.skip", "weight_gain", 1.0),
        ("synthesis.b16.skip", "conv_clamp", "none"),
        ("synthesis.b16.torgb", "weight_gain", 1.0),
    ],
)
def test_a_layer_that_says_something_else_about_itself_is_refused(
    tmp_path: Path, module: str, attribute: str, value: object
):
    g, d = Plan("resnet"), Plan("resnet")
    data = as_pickle(g, generator_tensors(g), d, discriminator_tensors(d), {module: {attribute: value}})
    refused(tmp_path / "a.pkl", data, f"{attribute} of G_ema.{module} is")


def test_a_shortcut_that_clamps_is_computed_so(tmp_path: Path):
    g, d = Plan("resnet"), Plan("resnet")
    tensors, ws = generator_tensors(g), torch.randn(1, 6, 5)
    for limit in (1e-6, 1e6):
        data = as_pickle(g, tensors, d, discriminator_tensors(d), {"synthesis.b8.skip": {"conv_clamp": limit}})
        (tmp_path / "a.pkl").write_bytes(data)
        made = load(tmp_path / "a.pkl").generator.synthesis(ws)
        other = tensors | {"synthesis.b8.skip.weight": tensors["synthesis.b8.skip.weight"] * (limit > 1)}
        close(made, generated(g, other, ws))
