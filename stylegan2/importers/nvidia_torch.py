"""NVIDIA's PyTorch pickles (stylegan2-ada-pytorch, stylegan3, self-distilled StyleGAN, StyleGAN-Human).

Every module in such a file is a call that would run Python source stored beside its state. The source is
ignored; our networks are built from the state: the tensors, and the attributes that each module stored about
itself. Nothing is taken from a default, because the programs that wrote these files differ in theirs.
"""

from __future__ import annotations

import math
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
from .modules import StoredModule, stored_module
from .other_models import STYLEGAN3, STYLEGAN_XL, other_model
from .stored import StoredModel, StoredNetwork, StoredTensor, if_it_fits
from .tensors import TensorReader

FORMAT = "NVIDIA's PyTorch pickle (.pkl)"
NAMES = frozenset(
    {
        "torch_utils.persistence._reconstruct_persistent_obj",
        "dnnlib.util.EasyDict",
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "torch.storage._load_from_bytes",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.ndarray",
        "numpy.dtype",
        "builtins.set",
    }
)


def read(content: dict[Any, Any], path: str, tensors: TensorReader) -> StoredModel:
    """The model of a pickle's dictionary: G_ema (else G), and D if it fits. Raises ModelError."""
    g = stored_module(content.get("G_ema") or content.get("G"), path, "G_ema")
    architecture = _generator(g)
    node, discriminator = content.get("D"), None
    if node is not None:
        discriminator = if_it_fits(lambda: _discriminator_network(node, path, tensors), architecture, path)
    return StoredModel(FORMAT, StoredNetwork(architecture, _weights(g, tensors)), discriminator)


def _weights(module: StoredModule, tensors: TensorReader) -> dict[str, StoredTensor]:
    return {name: tensors.stored(node) for name, node in module.tensor_nodes()}


def _discriminator_network(node: Any, path: str, tensors: TensorReader) -> StoredNetwork[DiscriminatorArchitecture]:
    d = stored_module(node, path, "D")
    return StoredNetwork(_discriminator(d), _weights(d, tensors))


# The generator


def _generator(g: StoredModule) -> GeneratorArchitecture:
    synthesis = g.child("synthesis")
    if not synthesis.has_child("b4"):
        raise other_model(g.path, _other_kind(g, synthesis))
    resolutions = synthesis.whole_numbers("block_resolutions")
    variant = synthesis.child("b4").variant("architecture")
    blocks = tuple(_synthesis_block(synthesis.child(f"b{r}"), r, variant, resolutions[-1]) for r in resolutions)
    const = synthesis.child("b4").shape("const")
    architecture = GeneratorArchitecture(
        mapping=_mapping(g.child("mapping")),
        img_channels=synthesis.whole("img_channels"),
        const_size=(const[-2], const[-1]),
        blocks=blocks,
        num_fp16_res=sum(synthesis.child(f"b{r}").flag("use_fp16") for r in resolutions),
        variant=variant,
    )
    check_architecture(architecture, g.path)
    return architecture


def _other_kind(g: StoredModule, synthesis: StoredModule) -> str:
    if g.has_child("mapping") and g.child("mapping").has_child("embed_proj"):
        return STYLEGAN_XL
    return STYLEGAN3 if synthesis.has_child("input") else "another kind of generator"


def _synthesis_block(
    block: StoredModule, resolution: int, variant: Variant, last_resolution: int
) -> SynthesisBlockArchitecture:
    block.expect("architecture", variant)
    names = synthesis_layers(variant, first=resolution == 4, last=resolution == last_resolution)
    layers = {name: block.child(name) for name in names}
    convolutions = [layer for name, layer in layers.items() if name in ("conv0", "conv1")]
    for name, layer in layers.items():
        if name == "skip":
            _expect_convolution(layer, kernel=1, up=2, leaky=False)
            continue
        _expect_dense(layer.child("affine"), leaky=False)
        if name == "torgb":
            layer.expect_number("weight_gain", 1 / math.sqrt(layer.shape("weight")[1]))
        else:
            _expect_activation(layer)
            layer.expect("up", 2 if name == "conv0" else 1)
            layer.expect("padding", 1)
    return SynthesisBlockArchitecture(
        resolution=resolution,
        channels=convolutions[-1].shape("weight")[0],
        use_noise=tuple(layer.flag("use_noise") for layer in convolutions),
        conv_clamp=tuple(layer.number_or_none("conv_clamp") for layer in layers.values()),
    )


def _mapping(mapping: StoredModule) -> MappingArchitecture:
    count = mapping.whole("num_layers")
    if not 1 <= count <= 64:
        raise mapping.unusual("num_layers")
    layers = [mapping.child(f"fc{i}") for i in range(count)]
    lr_multiplier = layers[0].number("bias_gain")
    for layer in layers:
        _expect_dense(layer, leaky=True, lr_multiplier=lr_multiplier)
    embed_features = 0
    if mapping.whole("c_dim"):
        _expect_dense(mapping.child("embed"), leaky=False)
        embed_features = mapping.child("embed").shape("weight")[0]
    return MappingArchitecture(
        z_dim=mapping.whole("z_dim"),
        c_dim=mapping.whole("c_dim"),
        w_dim=mapping.whole("w_dim"),
        num_layers=count,
        embed_features=embed_features,
        layer_features=layers[0].shape("weight")[0],
        lr_multiplier=lr_multiplier,
    )


# The discriminator


def _discriminator(d: StoredModule) -> DiscriminatorArchitecture:
    resolutions = d.whole_numbers("block_resolutions")
    epilogue = d.child("b4")
    variant = epilogue.variant("architecture")
    if variant == "skip":
        _expect_convolution(epilogue.child("fromrgb"), kernel=1)
        if epilogue.child("fromrgb").number_or_none("conv_clamp") is not None:
            raise epilogue.child("fromrgb").unusual("conv_clamp")
    has_minibatch = epilogue.has_child("mbstd")
    _expect_convolution(epilogue.child("conv"), kernel=3)
    channels = epilogue.child("conv").shape("weight")[0]
    _expect_dense(epilogue.child("fc"), leaky=True)
    _expect_dense(epilogue.child("out"), leaky=False)
    architecture = DiscriminatorArchitecture(
        img_channels=d.whole("img_channels"),
        blocks=tuple(_discriminator_block(d.child(f"b{r}"), r, variant, i == 0) for i, r in enumerate(resolutions)),
        final_size=(4, epilogue.child("fc").shape("weight")[1] // (4 * max(channels, 1))),
        final_channels=channels,
        final_clamp=epilogue.child("conv").number_or_none("conv_clamp"),
        mbstd_group_size=epilogue.child("mbstd").whole_or_none("group_size") if has_minibatch else None,
        mbstd_num_channels=epilogue.child("mbstd").whole("num_channels") if has_minibatch else 0,
        mapping=_mapping(d.child("mapping")) if d.whole("c_dim") else None,
        variant=variant,
    )
    check_architecture(architecture, d.path)
    return architecture


def _discriminator_block(
    block: StoredModule, resolution: int, variant: Variant, first: bool
) -> DiscriminatorBlockArchitecture:
    block.expect("architecture", variant)
    layers = {name: block.child(name) for name in discriminator_layers(variant, first=first)}
    for name, layer in layers.items():
        _expect_convolution(
            layer,
            kernel=3 if name in ("conv0", "conv1") else 1,
            down=2 if name in ("conv1", "skip") else 1,
            leaky=name != "skip",
        )
    return DiscriminatorBlockArchitecture(
        resolution=resolution,
        in_channels=layers["conv0"].shape("weight")[1],
        out_channels=layers["conv1"].shape("weight")[0],
        conv_clamp=tuple(layer.number_or_none("conv_clamp") for layer in layers.values()),
    )


# What the layers must say about themselves for our own to compute the same


def _expect_activation(layer: StoredModule, leaky: bool = True) -> None:
    layer.expect("activation", "lrelu" if leaky else "linear")
    layer.expect_number("act_gain", math.sqrt(2) if leaky else 1.0)


def _expect_dense(layer: StoredModule, *, leaky: bool, lr_multiplier: float = 1.0) -> None:
    layer.expect("activation", "lrelu" if leaky else "linear")
    layer.expect_number("bias_gain", lr_multiplier)
    layer.expect_number("weight_gain", lr_multiplier / math.sqrt(layer.shape("weight")[1]))


def _expect_convolution(layer: StoredModule, *, kernel: int, up: int = 1, down: int = 1, leaky: bool = True) -> None:
    _expect_activation(layer, leaky)
    layer.expect("up", up)
    layer.expect("down", down)
    layer.expect("padding", kernel // 2)
    layer.expect_number("weight_gain", 1 / math.sqrt(layer.shape("weight")[1] * kernel**2))
