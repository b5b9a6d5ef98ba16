"""Small networks written as NVIDIA's TensorFlow program and rosinality's write theirs.

Their tensors come under our names (plain_networks.py), so that what a file should compute is known apart from the
importers.
"""

from __future__ import annotations

import argparse
import io
import pickle
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.stylegan2.plain_networks import Plan, Tensors
from tests.stylegan2.stand_ins import made_of

TAPS = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64
Variables = dict[str, np.ndarray[Any, Any] | np.floating[Any]]

# NVIDIA's TensorFlow pickles


def as_tensorflow(
    g: Plan,
    g_tensors: Tensors,
    d: Plan | None = None,
    d_tensors: Tensors | None = None,
    *,
    protocol: int = 4,
    arguments: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
) -> bytes:
    """The triple G, D, Gs; the fixture `nvidia_names` must be in use.

    Args:
        g, d: the networks' plans.
        g_tensors, d_tensors: their weights.
        protocol: of the pickle.
        arguments: other keyword arguments of both networks.
        changes: other variables of the generator; None takes one out. Names start with the part and a dot.
    """
    kept = {"conv_clamp": g.clamp} | (arguments or {})
    variables = generator_variables(g, g_tensors) | (changes or {})
    parts = {part: _network(f"G_{part}", _below(variables, f"{part}."), {}, {}) for part in ("synthesis", "mapping")}
    generator = _network("G", _below(variables, "own."), kept, parts)
    discriminator = None
    if d is not None and d_tensors is not None:
        discriminator = _network("D", discriminator_variables(d, d_tensors), kept | {"conv_clamp": d.clamp}, {})
    return pickle.dumps((generator, discriminator, generator), protocol)


def _below(variables: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {k[len(prefix) :]: v for k, v in variables.items() if k.startswith(prefix) and v is not None}


def _network(name: str, variables: dict[str, Any], arguments: dict[str, Any], parts: dict[str, Any]) -> Any:
    state = {
        "version": 5,
        "name": name,
        "static_kwargs": arguments,
        "components": parts,
        "build_module_src": "",
        "build_func_name": name,
        "variables": list(variables.items()),
    }
    return made_of("dnnlib.tflib.network", "Network", state)


def generator_variables(plan: Plan, t: Tensors) -> Variables:
    """The variables of generator, `own.`, and of its parts, `synthesis.` and `mapping.`."""
    found: Variables = {"own.lod": np.float32(0), "own.dlatent_avg": t["mapping.w_avg"].numpy()}
    for i in range(plan.dense_layers):
        found |= _dense(t, f"mapping.fc{i}", f"mapping.Dense{i}")
    if plan.c_dim:
        found |= _dense(t, "mapping.embed", "mapping.LabelEmbed")
    for k, resolution in enumerate(plan.resolutions):
        ours, theirs = f"synthesis.b{resolution}", f"synthesis.{resolution}x{resolution}"
        if k == 0:
            found[f"{theirs}/Const/const"] = t[f"{ours}.const"][None].numpy()
        layers = {"conv0": "Conv0_up", "conv1": "Conv1" if k else "Conv", "torgb": "ToRGB"}
        for layer, name in layers.items():
            if f"{ours}.{layer}.weight" in t:
                found |= _modulated(t, f"{ours}.{layer}", f"{theirs}/{name}", mirrored=layer == "conv0")
            if f"{ours}.{layer}.noise_strength" in t:
                found[f"{theirs}/{name}/noise_strength"] = np.float32(t[f"{ours}.{layer}.noise_strength"].item())
                index = 2 * k - (layer == "conv0")
                found[f"synthesis.noise{index}"] = t[f"{ours}.{layer}.noise_const"][None, None].numpy()
        if f"{ours}.skip.weight" in t:
            found[f"{theirs}/Skip/weight"] = _kernel(t[f"{ours}.skip.weight"])
    return found


def discriminator_variables(plan: Plan, t: Tensors) -> Variables:
    """The variables of the discriminator."""
    found: Variables = {"lod": np.float32(0)}
    found |= _convolution(t, "b4.conv", "4x4/Conv")
    found |= _dense(t, "b4.fc", "4x4/Dense0") | _dense(t, "b4.out", "Output")
    if plan.c_dim:
        found |= _dense(t, "mapping.embed", "LabelEmbed")
        for i in range(plan.dense_layers):
            found |= _dense(t, f"mapping.fc{i}", f"Mapping{i}")
    for resolution in plan.resolutions:
        for layer, name in {"conv0": "Conv0", "conv1": "Conv1_down", "fromrgb": "FromRGB"}.items():
            if f"b{resolution}.{layer}.weight" in t:
                found |= _convolution(t, f"b{resolution}.{layer}", f"{resolution}x{resolution}/{name}")
        if f"b{resolution}.skip.weight" in t:
            found[f"{resolution}x{resolution}/Skip/weight"] = _kernel(t[f"b{resolution}.skip.weight"])
    return found


def _dense(t: Tensors, ours: str, theirs: str) -> Variables:
    return {f"{theirs}/weight": t[f"{ours}.weight"].T.contiguous().numpy(), f"{theirs}/bias": t[f"{ours}.bias"].numpy()}


def _kernel(weight: Tensor) -> np.ndarray[Any, Any]:
    return weight.permute(2, 3, 1, 0).contiguous().numpy()


def _convolution(t: Tensors, ours: str, theirs: str) -> Variables:
    return {f"{theirs}/weight": _kernel(t[f"{ours}.weight"]), f"{theirs}/bias": t[f"{ours}.bias"].numpy()}


def _modulated(t: Tensors, ours: str, theirs: str, *, mirrored: bool) -> Variables:
    weight = t[f"{ours}.weight"].flip((2, 3)) if mirrored else t[f"{ours}.weight"]
    return {
        f"{theirs}/weight": _kernel(weight),
        f"{theirs}/bias": t[f"{ours}.bias"].numpy(),
        f"{theirs}/mod_weight": t[f"{ours}.affine.weight"].T.contiguous().numpy(),
        f"{theirs}/mod_bias": (t[f"{ours}.affine.bias"] - 1).numpy(),
    }


# rosinality's .pt files


def as_rosinality(content: Any, *, archive: bool = True) -> bytes:
    """What torch.save writes of a checkpoint's dictionary: a ZIP archive, or the format of before version 1.6."""
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=archive)
    return buffer.getvalue()


def checkpoint(g: Plan, g_tensors: Tensors, d_tensors: Tensors | None = None, *, mean: bool = True) -> dict[str, Any]:
    """g_ema, and d and latent_avg where they are asked for."""
    content: dict[str, Any] = {"g_ema": generator_state(g, g_tensors)}
    if d_tensors is not None:
        content["d"] = discriminator_state(g, d_tensors)
    if mean:
        content["latent_avg"] = g_tensors["mapping.w_avg"].clone()
    return content


def training_snapshot(g: Plan, g_tensors: Tensors, d_tensors: Tensors) -> dict[str, Any]:
    """What a run of rosinality's training leaves: both generators, optimisers and options."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([parameter])
    parameter.square().sum().backward()
    optimiser.step()
    return {
        "g": generator_state(g, g_tensors | {"synthesis.b4.const": g_tensors["synthesis.b4.const"] + 1}),
        "d": discriminator_state(g, d_tensors),
        "g_ema": generator_state(g, g_tensors),
        "g_optim": optimiser.state_dict(),
        "d_optim": optimiser.state_dict(),
        "args": argparse.Namespace(size=16, channel_multiplier=2, lr=0.002, wandb=False),
        "ada_aug_p": 0,
    }


def generator_state(plan: Plan, t: Tensors) -> Tensors:
    """The state dict of a generator."""
    found: Tensors = {}
    for i in range(plan.dense_layers):
        found[f"style.{i + 1}.weight"] = t[f"mapping.fc{i}.weight"]
        found[f"style.{i + 1}.bias"] = t[f"mapping.fc{i}.bias"]
    found["input.input"] = t["synthesis.b4.const"][None]
    for k, resolution in enumerate(plan.resolutions):
        block, places = f"synthesis.b{resolution}", {"conv1": f"convs.{2 * k - 1}" if k else "conv1"}
        if k:
            places["conv0"] = f"convs.{2 * k - 2}"
            found[f"convs.{2 * k - 2}.conv.blur.kernel"] = TAPS * 4
            found[f"to_rgbs.{k - 1}.upsample.kernel"] = TAPS * 4
        for layer, theirs in places.items():
            ours = f"{block}.{layer}"
            found |= _modulated_state(t, ours, f"{theirs}.conv")
            found[f"{theirs}.activate.bias"] = t[f"{ours}.bias"]
            found[f"{theirs}.noise.weight"] = t[f"{ours}.noise_strength"][None]
            if f"{ours}.noise_const" in t:
                found[f"noises.noise_{2 * k - (layer == 'conv0')}"] = t[f"{ours}.noise_const"][None, None]
        colours = f"to_rgbs.{k - 1}" if k else "to_rgb1"
        found |= _modulated_state(t, f"{block}.torgb", f"{colours}.conv")
        found[f"{colours}.bias"] = t[f"{block}.torgb.bias"][None, :, None, None]
    return found


def _modulated_state(t: Tensors, ours: str, theirs: str) -> Tensors:
    return {
        f"{theirs}.weight": t[f"{ours}.weight"][None],
        f"{theirs}.modulation.weight": t[f"{ours}.affine.weight"],
        f"{theirs}.modulation.bias": t[f"{ours}.affine.bias"],
    }


def discriminator_state(plan: Plan, t: Tensors) -> Tensors:
    """The state dict of a discriminator."""
    places = {"b4.conv": ("final_conv.0", "final_conv.1"), "b4.fc": ("final_linear.0",) * 2}
    places["b4.out"] = ("final_linear.1",) * 2
    places[f"b{plan.resolutions[-1]}.fromrgb"] = ("convs.0.0", "convs.0.1")
    found: Tensors = {}
    for i, resolution in enumerate(reversed(plan.resolutions[1:]), start=1):
        places[f"b{resolution}.conv0"] = f"convs.{i}.conv1.0", f"convs.{i}.conv1.1"
        places[f"b{resolution}.conv1"] = f"convs.{i}.conv2.1", f"convs.{i}.conv2.2"
        found[f"convs.{i}.skip.1.weight"] = t[f"b{resolution}.skip.weight"]
        found[f"convs.{i}.conv2.0.kernel"] = found[f"convs.{i}.skip.0.kernel"] = TAPS
    for ours, (weight, bias) in places.items():
        found[f"{weight}.weight"], found[f"{bias}.bias"] = t[f"{ours}.weight"], t[f"{ours}.bias"]
    return found
