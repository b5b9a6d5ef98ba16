"""Models that are no StyleGAN2: named in one sentence that says what to do, whatever the file is called."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_files import as_rosinality, as_tensorflow, checkpoint, generator_variables, training_snapshot
from model_bytes import persistent, refused
from plain_networks import Plan, discriminator_tensors, generator_tensors, snapshot
from safetensors.torch import save
from stand_ins import made_of

from stylegan2 import load

pytestmark = pytest.mark.usefixtures("nvidia_names")
ONE = torch.ones(2, 2)


def module(**children: Any) -> Any:
    return persistent({"_parameters": {}, "_buffers": {}, "_modules": children})


def test_stylegan3_and_stylegan_xl_are_named(tmp_path: Path):
    synthesis = module(input=module(), L0_36_512=module(), L1_36_512=module())
    of_three = {"G_ema": module(mapping=module(fc0=module()), synthesis=synthesis)}
    refused(tmp_path / "a.pkl", pickle.dumps(of_three, 4), "holds a StyleGAN3 network; this program drags StyleGAN2")
    of_xl = {"G_ema": module(mapping=module(embed=module(), embed_proj=module()), synthesis=synthesis)}
    refused(tmp_path / "a.pkl", pickle.dumps(of_xl, 4), "holds a StyleGAN-XL network")


def test_tensorflow_networks_of_other_kinds_are_named(tmp_path: Path):
    plan = Plan("skip")
    tensors = generator_tensors(plan)
    array = np.ones((2, 2), np.float32)
    for changes, match in (
        ({"synthesis.4x4/Const/StyleMod/weight": array, "synthesis.ToRGB_lod0/weight": array}, "a StyleGAN1 network"),
        ({"synthesis.ToRGB_lod2/weight": array}, r"configurations a to d \(it has ToRGB_lod2\)"),
    ):
        refused(tmp_path / "a.pkl", as_tensorflow(plan, tensors, changes=changes), match)
    without_layer = {"own.FromRGB_lod0": array}
    refused(tmp_path / "a.pkl", as_tensorflow(plan, tensors, changes=without_layer), r"\(it has FromRGB_lod0\)")
    growing = dict.fromkeys(generator_variables(plan, tensors)) | {"own.ToRGB_lod0/weight": array}
    refused(tmp_path / "a.pkl", as_tensorflow(plan, tensors, changes=growing), "a ProGAN network")
    old = made_of("tfutil", "Network", {"version": 2, "variables": []})
    refused(tmp_path / "a.pkl", pickle.dumps((old, old, old), 4), "a ProGAN network")


@pytest.mark.parametrize("version", [1, 3, None, "5", True])
def test_tensorflow_pickles_from_before_stylegan2_are_refused(tmp_path: Path, version: object):
    network = made_of("dnnlib.tflib.network", "Network", {"version": version, "components": {}, "variables": []})
    refused(tmp_path / "a.pkl", pickle.dumps(network, 4), "a network from before StyleGAN2")


def test_a_tensorflow_pickle_without_a_generator_says_so(tmp_path: Path):
    network = made_of("dnnlib.tflib.network", "Network", {"version": 5, "components": {}, "variables": []})
    refused(tmp_path / "a.pkl", pickle.dumps((None, network, None), 4), "holds no StyleGAN2 generator")


STATES: dict[str, tuple[dict[str, Any], str]] = {
    "StyleGAN1 of rosinality": (
        {"g_running": {"progression.0.adain1.style.linear.weight": ONE, "style.1.linear.weight": ONE}},
        "a StyleGAN1 network",
    ),
    "StyleGAN1 of lernapparat": ({"g_mapping.dense0.weight": ONE, "g_synthesis.blocks.4x4.const": ONE}, "StyleGAN1"),
    "ProGAN of rosinality": ({"progression.0.conv.0.conv.weight_orig": ONE, "to_rgb.0.conv.weight": ONE}, "a ProGAN"),
    "ProGAN of the zoo": ({"config": {}, "netG": {"scaleLayers.0.0.module.weight": ONE}}, "a ProGAN network"),
    "StyleGAN3, weights only": ({"synthesis.L0_36_512.weight": ONE, "mapping.fc0.weight": ONE}, "a StyleGAN3 network"),
    "Stable Diffusion": (
        {"state_dict": {"model.diffusion_model.input_blocks.0.0.weight": ONE}, "global_step": 5},
        "a part of a diffusion model",
    ),
    "a U-Net of diffusers": ({"down_blocks.0.resnets.0.conv1.weight": ONE, "conv_in.weight": ONE}, "diffusion model"),
    "Flux": ({"double_blocks.0.img_attn.qkv.weight": ONE, "img_in.weight": ONE}, "diffusion model"),
    "a VAE": ({"first_stage_model.quant_conv.weight": ONE, "decoder.mid.block_1.conv1.weight": ONE}, "diffusion model"),
    "a LoRA": ({"lora_unet_down_blocks_0_attn.lora_down.weight": ONE, "lora_unet.alpha": ONE}, "a LoRA, an addition"),
    "a LoRA of peft": ({"unet.down_blocks.0.to_q.lora_A.weight": ONE}, "a LoRA, an addition to a diffusion model"),
    "genforce": ({"generator_smooth": {"synthesis.layer0.conv.weight": ONE}, "generator": {}}, "of genforce"),
    "mmgen": ({"meta": {"epoch": 1}, "state_dict": {"generator_ema.style_mapping.1.weight": ONE}}, "of MMGeneration"),
    "mmgen, another model": ({"meta": {"epoch": 1}, "state_dict": {"backbone.weight": ONE}}, "of MMGeneration"),
    "a plain state dict": ({"fc.weight": ONE, "fc.bias": ONE}, "a plain state dict"),
    "a state dict under a name": ({"params_ema": {"conv_first.weight": ONE}}, "a plain state dict"),
    "another network under g_ema": ({"g_ema": {"conv_first.weight": ONE}}, "a plain state dict"),
    "weights alone under G_ema": ({"G_ema": {"synthesis.b4.const": ONE}}, "a plain state dict"),
}


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "old format"])
@pytest.mark.parametrize("name", STATES)
def test_checkpoints_of_other_programs_are_named(tmp_path: Path, name: str, archive: bool):
    content, match = STATES[name]
    refused(tmp_path / "a.pkl", as_rosinality(content, archive=archive), match)


@pytest.mark.parametrize("name", [name for name, (content, _) in STATES.items() if "." in min(content)])
def test_safetensors_of_other_programs_are_named(tmp_path: Path, name: str):
    content, match = STATES[name]
    match = "tensors of another program" if "plain" in match else match
    refused(tmp_path / "a.pt", save({key: torch.ones(2) for key in content}), match)


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "old format"])
def test_parts_of_a_training_run_are_named(tmp_path: Path, archive: bool):
    plan = Plan("skip", z_dim=5)
    judge = dataclasses.replace(plan, variant="resnet")
    content = training_snapshot(plan, generator_tensors(plan), discriminator_tensors(judge))
    optimiser = as_rosinality(content["g_optim"], archive=archive)
    refused(tmp_path / "a.pt", optimiser, "the state of an optimiser; .*: choose the generator's file beside it")
    del content["g_ema"]
    refused(tmp_path / "a.pt", as_rosinality(content, archive=archive), "a training snapshot without g_ema")
    content["g_ema"] = {}
    refused(tmp_path / "a.pt", as_rosinality(content, archive=archive), "a training snapshot without g_ema")


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "old format"])
def test_whole_pickled_modules_are_named(tmp_path: Path, archive: bool):
    for whole in (torch.nn.Linear(2, 2), module(synthesis=module())):
        refused(tmp_path / "a.pt", as_rosinality(whole, archive=archive), "a whole pickled PyTorch module")
    refused(tmp_path / "a.pkl", pickle.dumps(module(synthesis=module()), 4), "a whole pickled PyTorch module")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint", "a part of a diffusion model"),
        ("timm.models.efficientnet EfficientNet", "a StyleGAN-XL network"),
        ("pg_modules.discriminator ProjectedDiscriminator", "a StyleGAN-XL network"),
        ("models.stylegan2.model Generator", "a whole pickled PyTorch module"),
        ("torch.optim.adam Adam", "the state of an optimiser"),
        ("__torch__.generator Generator", "a TorchScript program"),
    ],
)
def test_what_a_pickle_names_tells_of_some_programs(tmp_path: Path, name: str, match: str):
    module_name, attribute = name.split(" ")
    refused(tmp_path / "a.pkl", b"\x80\x02}c" + f"{module_name}\n{attribute}\n.".encode(), match)


def test_a_torchscript_archive_is_named(tmp_path: Path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "a.pt")
    refused(tmp_path / "a.pt", (tmp_path / "a.pt").read_bytes(), "a TorchScript program")


def test_networks_of_nvidias_classes_are_read_whether_pickle_or_torch_save_wrote_them(tmp_path: Path):
    g, d = Plan("skip"), Plan("resnet")
    content = snapshot(g, generator_tensors(g), d, discriminator_tensors(d))
    for path, data in ((tmp_path / "a.pkl", pickle.dumps(content, 4)), (tmp_path / "a.pt", as_rosinality(content))):
        path.write_bytes(data)
    one, other = load(tmp_path / "a.pkl").generator.state_dict(), load(tmp_path / "a.pt").generator.state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_name_of_a_file_does_not_matter(tmp_path: Path):
    plan = Plan("skip", z_dim=5)
    (tmp_path / "model.pkl").write_bytes(as_rosinality(checkpoint(plan, generator_tensors(plan))))
    assert load(tmp_path / "model.pkl").generator.image_size == (16, 16)
