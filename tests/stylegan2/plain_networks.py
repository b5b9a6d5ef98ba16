"""StyleGAN2 by the paper's equations, over a dictionary of named tensors, and such networks as NVIDIA's pickles.

Slow, and written apart from the package: weights are modulated as equation 1 says and used in a grouped convolution,
doubling is zeros between the pixels and then a low-pass filter. Figure 7 of the paper has the three variants.
"""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.stylegan2.model_bytes import Calls, persistent

Tensors = dict[str, Tensor]
SQRT_HALF = math.sqrt(0.5)


@dataclass(frozen=True)
class Plan:
    """A small network: `channels` at each resolution, coarse to fine; `clamp` of every layer but the shortcuts."""

    variant: str
    channels: tuple[int, ...] = (6, 5, 4)
    z_dim: int = 7
    c_dim: int = 0
    w_dim: int = 5
    hidden: int = 5
    dense_layers: int = 3
    clamp: float | None = None

    @property
    def resolutions(self) -> list[int]:
        return [4 << i for i in range(len(self.channels))]

    @property
    def num_ws(self) -> int:
        return 2 * len(self.channels)


# What a network is made of


def generator_tensors(plan: Plan, noise: bool = True) -> Tensors:
    """Random weights under NVIDIA's names, with or without the constant noise."""
    shapes: dict[str, tuple[int, ...]] = {"mapping.w_avg": (plan.w_dim,)}
    width = plan.z_dim
    if plan.c_dim:
        shapes |= _dense("mapping.embed", plan.c_dim, plan.w_dim)
        width += plan.w_dim
    for i in range(plan.dense_layers):
        after = plan.w_dim if i == plan.dense_layers - 1 else plan.hidden
        shapes |= _dense(f"mapping.fc{i}", width, after)
        width = after
    before = 0
    for resolution, channels in zip(plan.resolutions, plan.channels, strict=True):
        block = f"synthesis.b{resolution}"
        convolutions = {"conv1": channels}
        if before:
            convolutions["conv0"] = before
        else:
            shapes[f"{block}.const"] = (channels, 4, 4)
        for name, inputs in convolutions.items():
            shapes |= _modulated(f"{block}.{name}", inputs, channels, 3, plan.w_dim)
            if noise:
                shapes[f"{block}.{name}.noise_const"] = (resolution, resolution)
            shapes[f"{block}.{name}.noise_strength"] = ()
        if plan.variant == "skip" or resolution == plan.resolutions[-1]:
            shapes |= _modulated(f"{block}.torgb", channels, 3, 1, plan.w_dim)
        if plan.variant == "resnet" and before:
            shapes[f"{block}.skip.weight"] = (channels, before, 1, 1)
        before = channels
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def discriminator_tensors(plan: Plan) -> Tensors:
    """The same for the discriminator; its last map is beside those of the image's deviation in the batch."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i in reversed(range(1, len(plan.channels))):
        block, here, after = f"b{plan.resolutions[i]}", plan.channels[i], plan.channels[i - 1]
        shapes |= _convolution(f"{block}.conv0", here, here, 3) | _convolution(f"{block}.conv1", here, after, 3)
        if plan.variant == "resnet":
            shapes[f"{block}.skip.weight"] = (after, here, 1, 1)
        if plan.variant == "skip" or i == len(plan.channels) - 1:
            shapes |= _convolution(f"{block}.fromrgb", 3, here, 1)
    last = plan.channels[0]
    if plan.variant == "skip":
        shapes |= _convolution("b4.fromrgb", 3, last, 1)
    shapes |= _convolution("b4.conv", last + 1, last, 3) | _dense("b4.fc", last * 16, last) | _dense("b4.out", last, 1)
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def _dense(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _convolution(name: str, inputs: int, outputs: int, kernel: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def _modulated(name: str, inputs: int, outputs: int, kernel: int, w_dim: int) -> dict[str, tuple[int, ...]]:
    return _convolution(name, inputs, outputs, kernel) | _dense(f"{name}.affine", w_dim, inputs)


# What it computes


def mapped(plan: Plan, t: Tensors, z: Tensor, c: Tensor | None) -> Tensor:
    """w [N, w_dim] of z [N, z_dim] and, where there are classes, c [N, c_dim]."""
    parts = [z] if c is None else [z, dense(t, "mapping.embed", c)]
    x = torch.cat([part / (part.square().mean(1, keepdim=True) + 1e-8).sqrt() for part in parts], dim=1)
    for i in range(plan.dense_layers):
        x = leaky(dense(t, f"mapping.fc{i}", x, rate=0.01))
    return x


def generated(plan: Plan, t: Tensors, ws: Tensor) -> Tensor:
    """The image [N, 3, R, R] of ws [N, num_ws, w_dim]."""
    image = x = torch.zeros(0)
    for i, resolution in enumerate(plan.resolutions):
        block = f"synthesis.b{resolution}"
        residual = plan.variant == "resnet" and i > 0
        if i == 0:
            x = t[f"{block}.const"].repeat(len(ws), 1, 1, 1)
        shortcut = x
        if i > 0:
            x = synthesis_layer(plan, t, f"{block}.conv0", x, ws[:, 2 * i - 1], up=True)
        x = synthesis_layer(plan, t, f"{block}.conv1", x, ws[:, 2 * i], gain=SQRT_HALF if residual else 1)
        if residual:
            weight = t[f"{block}.skip.weight"] / math.sqrt(shortcut.shape[1])
            x = x + SQRT_HALF * doubled(shortcut, weight.expand(len(ws), *weight.shape))
        if f"{block}.torgb.weight" in t:
            colours = clamped(to_rgb(t, f"{block}.torgb", x, ws[:, 2 * i + 1]), plan.clamp)
            three = torch.eye(3)[:, :, None, None].expand(len(ws), 3, 3, 1, 1)
            image = colours + doubled(image, three) if len(image) else colours
    return image


def judged(plan: Plan, t: Tensors, image: Tensor) -> Tensor:
    """The logits [N, 1] of a batch that is one group of images."""
    x = torch.zeros(0)
    for i, resolution in enumerate(reversed(plan.resolutions[1:])):
        block = f"b{resolution}"
        if i == 0 or plan.variant == "skip":
            colours = convolved(plan, t, f"{block}.fromrgb", image)
            x = x + colours if len(x) else colours
            image = halved(image, torch.eye(3)[:, :, None, None])
        y = convolved(plan, t, f"{block}.conv0", x)
        y = convolved(plan, t, f"{block}.conv1", y, down=True, gain=SQRT_HALF if plan.variant == "resnet" else 1)
        if plan.variant == "resnet":
            y = y + SQRT_HALF * halved(x, t[f"{block}.skip.weight"] / math.sqrt(x.shape[1]))
        x = y
    if plan.variant == "skip":
        x = x + leaky(F.conv2d(image, t["b4.fromrgb.weight"] / math.sqrt(3), t["b4.fromrgb.bias"]))
    deviation = ((x - x.mean(0)).square().mean(0) + 1e-8).sqrt().mean()
    x = torch.cat([x, deviation.expand(len(x), 1, 4, 4)], dim=1)
    x = convolved(plan, t, "b4.conv", x).flatten(1)
    return dense(t, "b4.out", leaky(dense(t, "b4.fc", x)))


def dense(t: Tensors, name: str, x: Tensor, rate: float = 1.0) -> Tensor:
    weight = t[f"{name}.weight"]
    return x @ (weight * rate / math.sqrt(weight.shape[1])).T + t[f"{name}.bias"] * rate


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x) * math.sqrt(2)


def clamped(x: Tensor, limit: float | None) -> Tensor:
    return x if limit is None else x.clamp(-limit, limit)


def synthesis_layer(
    plan: Plan, t: Tensors, name: str, x: Tensor, w: Tensor, up: bool = False, gain: float = 1.0
) -> Tensor:
    style = dense(t, f"{name}.affine", w)
    weight = t[f"{name}.weight"] * style[:, None, :, None, None]
    weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    y = doubled(x, weight) if up else grouped(F.pad(x, (1,) * 4), weight)
    y = y + t[f"{name}.noise_const"] * t[f"{name}.noise_strength"]
    return gain * clamped(leaky(y + t[f"{name}.bias"][:, None, None]), plan.clamp)


def to_rgb(t: Tensors, name: str, x: Tensor, w: Tensor) -> Tensor:
    style = dense(t, f"{name}.affine", w) / math.sqrt(x.shape[1])
    return grouped(x, t[f"{name}.weight"] * style[:, None, :, None, None]) + t[f"{name}.bias"][:, None, None]


def convolved(plan: Plan, t: Tensors, name: str, x: Tensor, down: bool = False, gain: float = 1.0) -> Tensor:
    weight = t[f"{name}.weight"]
    kernel = weight.shape[-1]
    weight = weight / math.sqrt(weight.shape[1] * kernel**2)
    y = halved(x, weight) if down else F.conv2d(x, weight, padding=kernel // 2)
    return gain * clamped(leaky(y + t[f"{name}.bias"][:, None, None]), plan.clamp)


def grouped(x: Tensor, weight: Tensor) -> Tensor:
    """Each image with a weight of its own: `weight` [N, C_out, C_in, k, k]."""
    count, outputs = weight.shape[:2]
    y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), weight.reshape(count * outputs, *weight.shape[2:]), groups=count)
    return y.reshape(count, outputs, *y.shape[2:])


def doubled(x: Tensor, weight: Tensor) -> Tensor:
    """Zeros between the pixels, convolution (the kernel is mirrored, as in mathematics), low-pass filter."""
    spread = torch.zeros(*x.shape[:2], 2 * x.shape[2] - 1, 2 * x.shape[3] - 1)
    spread[:, :, ::2, ::2] = x
    kernel = weight.shape[-1]
    y = grouped(F.pad(spread, (kernel - 1,) * 4), weight.flip((3, 4)))
    return 4 * low_pass(F.pad(y, (2 - kernel // 2,) * 4))


def halved(x: Tensor, weight: Tensor) -> Tensor:
    """Low-pass filter, convolution, every second pixel."""
    return F.conv2d(low_pass(F.pad(x, (1 + weight.shape[-1] // 2,) * 4)), weight)[:, :, ::2, ::2]


def low_pass(x: Tensor) -> Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return F.conv2d(x, torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


# The same as a file


def as_pickle(
    g: Plan, g_tensors: Tensors, d: Plan, d_tensors: Tensors, changes: dict[str, dict[str, Any]] | None = None
) -> bytes:
    """What NVIDIA's program would have written; as snapshot() for the rest."""
    return pickle.dumps(snapshot(g, g_tensors, d, d_tensors, changes), 4)


def snapshot(
    g: Plan, g_tensors: Tensors, d: Plan, d_tensors: Tensors, changes: dict[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The dictionary of such a file; the fixture `nvidia_names` must be in use.

    `changes`: other attributes of modules of the generator, by the modules' names.
    """
    mapping = {"z_dim": g.z_dim, "c_dim": g.c_dim, "w_dim": g.w_dim, "num_layers": g.dense_layers}
    generator: dict[str, dict[str, Any]] = {
        "mapping": mapping,
        "synthesis": {"block_resolutions": g.resolutions, "img_channels": 3},
    }
    discriminator: dict[str, dict[str, Any]] = {
        "": {"block_resolutions": d.resolutions[:0:-1], "img_channels": 3, "c_dim": 0},
        "b4.mbstd": {"group_size": 4, "num_channels": 1},
    }
    for resolution in g.resolutions:
        generator[f"synthesis.b{resolution}"] = {"architecture": g.variant, "use_fp16": False}
    for resolution in d.resolutions:
        discriminator[f"b{resolution}"] = {"architecture": d.variant}
    for attributes, tensors, clamp in ((generator, g_tensors, g.clamp), (discriminator, d_tensors, d.clamp)):
        for name, weight in tensors.items():
            layer, _, kind = name.rpartition(".")
            if kind == "weight":
                attributes[layer] = _layer_attributes(layer, weight, clamp)
    for name, change in (changes or {}).items():
        generator[name] |= change
    networks = ((generator, g_tensors), (discriminator, d_tensors))
    g_module, d_module = (_module(attributes, _with_filters(attributes, tensors)) for attributes, tensors in networks)
    return {"G_ema": g_module, "D": d_module}


def _with_filters(attributes: dict[str, dict[str, Any]], tensors: Tensors) -> Tensors:
    """Blocks and convolutions have the low-pass filter beside them, whether they resample or not."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    places = [name for name, kept in attributes.items() if "architecture" in kept or kept.get("padding") is not None]
    return tensors | {f"{name}.resample_filter": torch.outer(taps, taps) for name in places}


def _layer_attributes(layer: str, weight: Tensor, clamp: float | None) -> dict[str, Any]:
    name, kernel = layer.rpartition(".")[2], weight.shape[-1]
    linear = name in ("affine", "embed", "out", "skip")
    rate = 0.01 if layer.startswith("mapping.fc") else 1.0
    fan_in = math.prod(weight.shape[1:])
    up_layer = layer.startswith("synthesis") and name in ("conv0", "skip")
    down_layer = not layer.startswith("synthesis") and name in ("conv1", "skip")
    free = name == "skip" or layer == "b4.fromrgb"
    return {
        "activation": "linear" if linear else "lrelu",
        "act_gain": 1 if linear else math.sqrt(2),
        "bias_gain": rate,
        "weight_gain": rate / math.sqrt(fan_in),
        "use_noise": True,
        "up": 2 if up_layer else 1,
        "down": 2 if down_layer else 1,
        "padding": kernel // 2 if weight.ndim == 4 else None,
        "conv_clamp": None if free else clamp,
    }


def _module(attributes: dict[str, dict[str, Any]], tensors: Tensors, path: str = "") -> Calls:
    """The module `path` with its children, out of the attributes and tensors of all modules."""
    prefix = f"{path}." if path else ""
    below = [name[len(prefix) :] for name in (*attributes, *tensors) if name.startswith(prefix) and name != path]
    own = {name: tensors[prefix + name] for name in below if "." not in name and prefix + name in tensors}
    children = dict.fromkeys(name.partition(".")[0] for name in below if name and name not in own)
    state: dict[str, Any] = dict(attributes.get(path, {}))
    state["_parameters"], state["_buffers"] = own, {}
    state["_modules"] = {name: _module(attributes, tensors, prefix + name) for name in children}
    return persistent(state)
