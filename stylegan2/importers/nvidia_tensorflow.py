"""NVIDIA's TensorFlow pickles (stylegan2 and stylegan2-ada): the triple G, D, Gs of dnnlib's networks.

Their variables have TensorFlow's layouts, and where an image is made larger, kernels that are mirrored. Every width
is read from the variables. What says how they are used stands among the keyword arguments; what is missing there has
that program's default.
"""

from __future__ import annotations

from typing import Any

from ..architecture import (
    DiscriminatorArchitecture,
    DiscriminatorBlockArchitecture,
    GeneratorArchitecture,
    MappingArchitecture,
    SynthesisBlockArchitecture,
    Variant,
    discriminator_layers,
    synthesis_layers,
)
from ..architecture_json import check as check_architecture
from ..errors import ModelError
from ..layers import binomial_filter
from .arrays import NAMES as ARRAY_NAMES
from .pickles import DICTIONARIES, is_call
from .stored import StoredModel, StoredNetwork, StoredTensor, Tensors, if_it_fits, mean_of_w
from .tensorflow_networks import NETWORK, PARTS, Network
from .tensors import Budget

FORMAT = "NVIDIA's TensorFlow pickle (.pkl)"
NAMES = frozenset({NETWORK, *DICTIONARIES, *ARRAY_NAMES})
KERNEL = [1, 3, 3, 1]
MAPPING_RATE, LABEL_RATE = 0.01, 0.1  # learning rate multipliers of the generator's and the discriminator's mapping
MBSTD_GROUP = 4


def read(content: Any, path: str, size: int) -> StoredModel:
    """The generator Gs, and D if it fits. Raises ModelError."""
    nodes = content if isinstance(content, (tuple, list)) else [content]
    budget = Budget(path, size)
    found = [Network(node, path, budget) for node in nodes[:3] if is_call(node, NETWORK)]
    for network in found:
        network.refuse_others()
    generators = [network for network in found if len(network.components) == len(PARTS)]
    if not generators:
        raise ModelError(f"The model file {path} holds no StyleGAN2 generator; choose another file.")
    generator = _generator(generators[-1])
    d = next((network for network in found if not network.components), None)
    fitting = None if d is None else if_it_fits(lambda: _discriminator(d), generator.architecture, path)
    return StoredModel(FORMAT, generator, fitting)


# What their layers become


def _dense(v: Tensors, theirs: str, ours: str) -> dict[str, StoredTensor]:
    return {
        f"{ours}.weight": v.take(f"{theirs}/weight", 2).permuted(1, 0),
        f"{ours}.bias": v.take(f"{theirs}/bias", 1),
    }


def _kernel(v: Tensors, theirs: str, *, mirrored: bool = False) -> StoredTensor:
    weight = v.take(f"{theirs}/weight", 4)
    return (weight.changed(lambda t: t.flip((0, 1))) if mirrored else weight).permuted(3, 2, 0, 1)


def _convolution(v: Tensors, theirs: str, ours: str) -> dict[str, StoredTensor]:
    return {f"{ours}.weight": _kernel(v, theirs), f"{ours}.bias": v.take(f"{theirs}/bias", 1)}


def _modulated(v: Tensors, theirs: str, ours: str, *, mirrored: bool = False) -> dict[str, StoredTensor]:
    return {
        f"{ours}.weight": _kernel(v, theirs, mirrored=mirrored),
        f"{ours}.bias": v.take(f"{theirs}/bias", 1),
        f"{ours}.affine.weight": v.take(f"{theirs}/mod_weight", 2).permuted(1, 0),
        f"{ours}.affine.bias": v.take(f"{theirs}/mod_bias", 1).changed(lambda t: t + 1),
    }


def _filters(places: list[str]) -> dict[str, StoredTensor]:
    """The one low-pass filter that is read, where our networks want it."""
    return {f"{place}.resample_filter": StoredTensor((4, 4), binomial_filter) for place in places}


def _variant(v: Tensors, scopes: list[str], colours: str) -> Variant:
    """How the resolutions are connected: only residual networks have shortcuts, only "skip" has all colours."""
    if v.has(f"{scopes[-1]}/Skip/weight"):
        return "resnet"
    return "skip" if v.has(f"{scopes[0]}/{colours}/weight") else "orig"


# The generator


def _generator(network: Network) -> StoredNetwork[GeneratorArchitecture]:
    synthesis, mapping = (network.components[part] for part in PARTS)
    of_mapping, tensors = _mapping(mapping)
    scopes = _scopes(synthesis)
    variant = _variant(synthesis.variables, scopes, "ToRGB")
    const = synthesis.variables.take(f"{scopes[0]}/Const/const", 4)
    tensors["synthesis.b4.const"] = const.reshaped(*const.shape[1:])
    blocks = tuple(_block(synthesis, scopes, k, variant, tensors) for k in range(len(scopes)))
    architecture = GeneratorArchitecture(
        mapping=of_mapping,
        img_channels=synthesis.variables.shape(f"{scopes[-1]}/ToRGB/weight", 4)[3],
        const_size=(const.shape[2], const.shape[3]),
        blocks=blocks,
        num_fp16_res=min(max(int(synthesis.number("num_fp16_res", 0)), 0), len(blocks)),
        variant=variant,
    )
    check_architecture(architecture, network.path)
    if network.variables.has("dlatent_avg"):
        tensors["mapping.w_avg"] = network.variables.take("dlatent_avg", 1)
    else:
        tensors["mapping.w_avg"] = mean_of_w(of_mapping, tensors, network.path)
    for part in (network, synthesis, mapping):
        part.finish()
    return StoredNetwork(architecture, tensors)


def _scopes(network: Network) -> list[str]:
    """Of each resolution; our layers must compute what the keyword arguments say."""
    network.expect("resample_kernel", KERNEL)
    network.expect("nonlinearity", "lrelu")
    scopes = network.scopes()
    if not scopes:
        raise ModelError(f"The model file {network.path} holds no StyleGAN2 network; choose another file.")
    return scopes


def _block(
    synthesis: Network, scopes: list[str], k: int, variant: Variant, tensors: dict[str, StoredTensor]
) -> SynthesisBlockArchitecture:
    """Put the tensors of one resolution with the others, and tell what it looks like."""
    v, scope, ours = synthesis.variables, scopes[k], f"synthesis.b{4 << k}"
    theirs = {
        "conv0": f"{scope}/Conv0_up",
        "conv1": f"{scope}/Conv1" if k else f"{scope}/Conv",
        "torgb": f"{scope}/ToRGB",
    }
    layers = synthesis_layers(variant, first=k == 0, last=k == len(scopes) - 1)
    noises: list[bool] = []
    for layer in layers:
        if layer == "skip":
            tensors[f"{ours}.skip.weight"] = _kernel(v, f"{scope}/Skip", mirrored=True)
            continue
        tensors |= _modulated(v, theirs[layer], f"{ours}.{layer}", mirrored=layer == "conv0")
        if layer != "torgb":
            noises.append(v.has(f"{theirs[layer]}/noise_strength"))
            if noises[-1]:
                tensors[f"{ours}.{layer}.noise_strength"] = v.take(f"{theirs[layer]}/noise_strength", 0)
                noise = v.take(f"noise{2 * k if layer == 'conv1' else 2 * k - 1}", 4)
                tensors[f"{ours}.{layer}.noise_const"] = noise.reshaped(*noise.shape[2:])
    if k:
        tensors |= _filters([ours, f"{ours}.conv0", *([f"{ours}.skip"] if variant == "resnet" else [])])
    return SynthesisBlockArchitecture(
        resolution=4 << k,
        channels=v.shape(f"{theirs['conv1']}/weight", 4)[3],
        use_noise=tuple(noises),
        conv_clamp=tuple(None if layer == "skip" else synthesis.clamp() for layer in layers),
    )


def _mapping(mapping: Network) -> tuple[MappingArchitecture, dict[str, StoredTensor]]:
    v = mapping.variables
    if v.has("LabelConcat/weight"):
        raise ModelError(
            f"The model file {mapping.path} has classes as the first TensorFlow version had them (LabelConcat), which "
            "this program cannot compute; choose a model without classes or one of StyleGAN2-ADA."
        )
    mapping.expect("normalize_latents", True)
    mapping.expect("mapping_nonlinearity", "lrelu")
    return _dense_layers(mapping, "Dense", "mapping", mapping.number("mapping_lrmul", MAPPING_RATE))


def _dense_layers(
    network: Network, theirs: str, ours: str, rate: float
) -> tuple[MappingArchitecture, dict[str, StoredTensor]]:
    """A row of dense layers, behind the embedded label where there are classes."""
    v = network.variables
    depth = max(v.count(theirs + "{}/weight"), 1)
    tensors: dict[str, StoredTensor] = {}
    c_dim = embedded = 0
    if v.has("LabelEmbed/weight"):
        c_dim, embedded = v.shape("LabelEmbed/weight", 2)
        tensors |= _dense(v, "LabelEmbed", f"{ours}.embed")
    for i in range(depth):
        tensors |= _dense(v, f"{theirs}{i}", f"{ours}.fc{i}")
    first, last = v.shape(f"{theirs}0/weight", 2), v.shape(f"{theirs}{depth - 1}/weight", 2)
    return MappingArchitecture(first[0] - embedded, c_dim, last[1], depth, embedded, first[1], rate), tensors


# The discriminator


def _discriminator(network: Network) -> StoredNetwork[DiscriminatorArchitecture]:
    v = network.variables
    last, *finer = _scopes(network)
    variant = _variant(v, [last, *finer], "FromRGB")
    tensors: dict[str, StoredTensor] = {}
    blocks = tuple(
        _discriminator_block(network, scope, 8 << k, variant, scope == finer[-1], tensors)
        for k, scope in reversed(list(enumerate(finer)))
    )
    tensors |= _convolution(v, f"{last}/Conv", "b4.conv")
    tensors |= _dense(v, f"{last}/Dense0", "b4.fc") | _dense(v, "Output", "b4.out")
    if variant == "skip":
        tensors |= _convolution(v, f"{last}/FromRGB", "b4.fromrgb")
    of_labels = None
    if v.has("LabelEmbed/weight"):
        rate = network.number("mapping_lrmul", LABEL_RATE)
        of_labels, label_tensors = _dense_layers(network, "Mapping", "mapping", rate)
        tensors |= label_tensors
    seen, channels = v.shape(f"{last}/Conv/weight", 4)[2:]
    architecture = DiscriminatorArchitecture(
        img_channels=v.shape(f"{([last, *finer])[-1]}/FromRGB/weight", 4)[2],
        blocks=blocks,
        final_size=(4, v.shape(f"{last}/Dense0/weight", 2)[0] // (4 * channels)),
        final_channels=channels,
        final_clamp=network.clamp(),
        mbstd_group_size=_group_size(network),
        mbstd_num_channels=seen - (blocks[-1].out_channels if blocks else channels),
        mapping=of_labels,
        variant=variant,
    )
    check_architecture(architecture, network.path)
    network.finish()
    return StoredNetwork(architecture, tensors)


def _group_size(network: Network) -> int | None:
    """How many images are compared; None = all of a batch."""
    given = network.arguments.get("mbstd_group_size", MBSTD_GROUP)
    return None if given is None else int(network.number("mbstd_group_size", MBSTD_GROUP))


def _discriminator_block(
    network: Network, scope: str, resolution: int, variant: Variant, first: bool, tensors: dict[str, StoredTensor]
) -> DiscriminatorBlockArchitecture:
    """Put the tensors of one resolution with the others, and tell what it looks like."""
    v, ours = network.variables, f"b{resolution}"
    layers = discriminator_layers(variant, first=first)
    theirs = {"conv0": f"{scope}/Conv0", "conv1": f"{scope}/Conv1_down", "fromrgb": f"{scope}/FromRGB"}
    for layer in layers:
        if layer == "skip":
            tensors[f"{ours}.skip.weight"] = _kernel(v, f"{scope}/Skip")
        else:
            tensors |= _convolution(v, theirs[layer], f"{ours}.{layer}")
    places = {"skip": [ours], "resnet": [f"{ours}.skip"], "orig": []}[variant]
    tensors |= _filters([f"{ours}.conv1", *places])
    return DiscriminatorBlockArchitecture(
        resolution=resolution,
        in_channels=v.shape(f"{theirs['conv0']}/weight", 4)[2],
        out_channels=v.shape(f"{theirs['conv1']}/weight", 4)[3],
        conv_clamp=tuple(None if layer == "skip" else network.clamp() for layer in layers),
    )
