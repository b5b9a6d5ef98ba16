"""The .pt files of rosinality's StyleGAN2 for PyTorch: state dicts g_ema and perhaps d, and latent_avg.

They say nothing about the networks but the shapes of their tensors; what they do not vary is a constant here.
"""

from __future__ import annotations

from typing import Any

import torch

from ..architecture import (
    DiscriminatorArchitecture,
    DiscriminatorBlockArchitecture,
    GeneratorArchitecture,
    MappingArchitecture,
    SynthesisBlockArchitecture,
    discriminator_layers,
    synthesis_layers,
)
from ..architecture_json import check as check_architecture
from ..errors import ModelError
from .other_models import BARE_WEIGHTS, kind_of, other_model
from .pickles import entries_of
from .stored import StoredModel, StoredNetwork, StoredTensor, Tensors, if_it_fits, mean_of_w
from .tensors import TensorReader

FORMAT = "rosinality's PyTorch checkpoint (.pt)"
NAMES = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "torch.Size",
        "argparse.Namespace",  # the options of a training run, and what goes with them
        "_codecs.encode",
        "builtins.set",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.ndarray",
        "numpy.dtype",
    }
)
LR_MULTIPLIER = 0.01  # of the mapping
MBSTD_GROUP = 4
UPSAMPLING = 4  # what the filters of layers that double the size are multiplied by in these files


def read(content: dict[Any, Any], path: str, tensors: TensorReader) -> StoredModel:
    """The networks of a checkpoint that has g_ema. Raises ModelError."""
    g = _tensors(content["g_ema"], path, tensors)
    architecture = _generator(g)
    check_architecture(architecture, path)
    stored = _generator_tensors(g, architecture)
    mean = content.get("latent_avg")
    if mean is None:
        stored["mapping.w_avg"] = mean_of_w(architecture.mapping, stored, path)
    else:
        stored["mapping.w_avg"] = tensors.stored(mean).reshaped(architecture.mapping.w_dim)
    g.finish()
    discriminator = None
    if content.get("d") is not None:
        discriminator = if_it_fits(
            lambda: _discriminator_network(_tensors(content["d"], path, tensors)), architecture, path
        )
    return StoredModel(FORMAT, StoredNetwork(architecture, stored), discriminator)


def _tensors(node: Any, path: str, reader: TensorReader) -> Tensors:
    """A state dict's tensors by name."""
    nodes = entries_of(node)
    if not nodes or not all(isinstance(name, str) for name in nodes):
        raise ModelError(f"The model file {path} has no network under g_ema; choose another file.")
    kind = kind_of(nodes)
    if kind is not None:
        raise other_model(path, kind)
    return Tensors({name: reader.stored(value) for name, value in nodes.items()}, path)


# The generator


def _generator(g: Tensors) -> GeneratorArchitecture:
    blocks = g.count("to_rgbs.{}.bias") + 1
    depth = g.count("style.{}.weight", first=1)
    if not g.has("input.input") and not depth:
        raise other_model(g.path, BARE_WEIGHTS, "g_ema has none of a StyleGAN2 generator's names")
    first, last = g.shape("style.1.weight", 2), g.shape(f"style.{max(depth, 1)}.weight", 2)
    convolutions = ["conv1", *(f"convs.{2 * k + 1}" for k in range(blocks - 1))]
    const = g.shape("input.input", 4)
    return GeneratorArchitecture(
        mapping=MappingArchitecture(first[1], 0, last[0], depth, 0, first[0], LR_MULTIPLIER),
        img_channels=g.shape("to_rgb1.conv.weight", 5)[1],
        const_size=(const[2], const[3]),
        blocks=tuple(
            SynthesisBlockArchitecture(
                resolution=4 << k,
                channels=g.shape(f"{name}.conv.weight", 5)[1],
                use_noise=(True,) * (2 if k else 1),
                conv_clamp=(None,) * len(synthesis_layers("skip", first=k == 0, last=k == blocks - 1)),
            )
            for k, name in enumerate(convolutions)
        ),
    )


def _generator_tensors(g: Tensors, architecture: GeneratorArchitecture) -> dict[str, StoredTensor]:
    """Under our names; every one but the mean of W."""
    found: dict[str, StoredTensor] = {}
    for i in range(architecture.mapping.num_layers):
        found[f"mapping.fc{i}.weight"] = g.take(f"style.{i + 1}.weight", 2)
        found[f"mapping.fc{i}.bias"] = g.take(f"style.{i + 1}.bias", 1)
    const = g.take("input.input", 4)
    found["synthesis.b4.const"] = const.reshaped(*const.shape[1:])
    for k, block in enumerate(architecture.blocks):
        name = f"synthesis.b{block.resolution}"
        size = (architecture.const_size[0] << k, architecture.const_size[1] << k)
        if k:
            found |= _convolution(g, f"convs.{2 * k - 2}", f"{name}.conv0", 2 * k - 1, size)
            blur = g.take(f"convs.{2 * k - 2}.conv.blur.kernel", 2)
            found[f"{name}.conv0.resample_filter"] = blur.changed(lambda t: t / UPSAMPLING)
            upsampling = g.take(f"to_rgbs.{k - 1}.upsample.kernel", 2)
            found[f"{name}.resample_filter"] = upsampling.changed(lambda t: t / UPSAMPLING)
        found |= _convolution(g, f"convs.{2 * k - 1}" if k else "conv1", f"{name}.conv1", 2 * k, size)
        colours = f"to_rgbs.{k - 1}" if k else "to_rgb1"
        found |= _modulated(g, f"{colours}.conv", f"{name}.torgb")
        found[f"{name}.torgb.bias"] = g.take(f"{colours}.bias", 4).reshaped(architecture.img_channels)
    return found


def _convolution(g: Tensors, theirs: str, ours: str, noise: int, size: tuple[int, int]) -> dict[str, StoredTensor]:
    """A modulated convolution with its noise, bias and leaky ReLU."""
    found = _modulated(g, f"{theirs}.conv", ours)
    found[f"{ours}.bias"] = g.take(f"{theirs}.activate.bias", 1)
    found[f"{ours}.noise_strength"] = g.take(f"{theirs}.noise.weight", 1).reshaped()
    if g.count("noises.noise_{}"):
        found[f"{ours}.noise_const"] = g.take(f"noises.noise_{noise}", 4).reshaped(*size)
    else:  # the first files kept none
        found[f"{ours}.noise_const"] = StoredTensor(
            size, lambda: torch.randn(size, generator=torch.Generator().manual_seed(noise))
        )
    return found


def _modulated(g: Tensors, theirs: str, ours: str) -> dict[str, StoredTensor]:
    weight = g.take(f"{theirs}.weight", 5)
    return {
        f"{ours}.weight": weight.reshaped(*weight.shape[1:]),
        f"{ours}.affine.weight": g.take(f"{theirs}.modulation.weight", 2),
        f"{ours}.affine.bias": g.take(f"{theirs}.modulation.bias", 1),
    }


# The discriminator


def _discriminator_network(d: Tensors) -> StoredNetwork[DiscriminatorArchitecture]:
    architecture = _discriminator(d)
    check_architecture(architecture, d.path)
    stored = _discriminator_tensors(d, architecture)
    d.finish()
    return StoredNetwork(architecture, stored)


def _discriminator(d: Tensors) -> DiscriminatorArchitecture:
    count = d.count("convs.{}.conv1.0.weight", first=1)
    final, dense = d.shape("final_conv.0.weight", 4), d.shape("final_linear.0.weight", 2)
    blocks = tuple(
        DiscriminatorBlockArchitecture(
            resolution=4 << (count - k),
            in_channels=d.shape(f"convs.{k + 1}.conv1.0.weight", 4)[1],
            out_channels=d.shape(f"convs.{k + 1}.conv2.1.weight", 4)[0],
            conv_clamp=(None,) * len(discriminator_layers("resnet", first=k == 0)),
        )
        for k in range(count)
    )
    if not blocks:
        raise ModelError(f"The model file {d.path} lacks convs.1.conv1.0.weight; it is incomplete, get it again.")
    return DiscriminatorArchitecture(
        img_channels=d.shape("convs.0.0.weight", 4)[1],
        blocks=blocks,
        final_size=(4, dense[1] // (4 * final[0])),
        final_channels=final[0],
        final_clamp=None,
        mbstd_group_size=MBSTD_GROUP,
        mbstd_num_channels=final[1] - blocks[-1].out_channels,
        mapping=None,
    )


def _discriminator_tensors(d: Tensors, architecture: DiscriminatorArchitecture) -> dict[str, StoredTensor]:
    first = f"b{architecture.blocks[0].resolution}"
    places = {"b4.conv": ("final_conv.0", "final_conv.1"), f"{first}.fromrgb": ("convs.0.0", "convs.0.1")}
    found: dict[str, StoredTensor] = {}
    for k, block in enumerate(architecture.blocks):
        theirs, ours = f"convs.{k + 1}", f"b{block.resolution}"
        places[f"{ours}.conv0"] = f"{theirs}.conv1.0", f"{theirs}.conv1.1"
        places[f"{ours}.conv1"] = f"{theirs}.conv2.1", f"{theirs}.conv2.2"
        found[f"{ours}.conv1.resample_filter"] = d.take(f"{theirs}.conv2.0.kernel", 2)
        found[f"{ours}.skip.resample_filter"] = d.take(f"{theirs}.skip.0.kernel", 2)
        found[f"{ours}.skip.weight"] = d.take(f"{theirs}.skip.1.weight", 4)
    for ours, (convolution, activation) in places.items():
        found[f"{ours}.weight"] = d.take(f"{convolution}.weight", 4)
        found[f"{ours}.bias"] = d.take(f"{activation}.bias", 1)
    for ours, theirs in (("b4.fc", "final_linear.0"), ("b4.out", "final_linear.1")):
        found[f"{ours}.weight"] = d.take(f"{theirs}.weight", 2)
        found[f"{ours}.bias"] = d.take(f"{theirs}.bias", 1)
    return found
