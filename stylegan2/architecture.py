"""What a network looks like, as plain data, and the papers' own networks by their few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Variant = Literal["orig", "skip", "resnet"]
"""How the resolutions of a network are connected (section 4.1 of the StyleGAN2 paper, its figure 7).

"orig": one after the other; colours enter or leave at the finest resolution only. "skip": each resolution adds
its colours to the image (or reads its own from it). "resnet": each block has a linear shortcut beside it.
"""
VARIANTS: tuple[Variant, ...] = ("orig", "skip", "resnet")


@dataclass(frozen=True)
class MappingArchitecture:
    """z (and a class label c) -> w: dense layers with a leaky ReLU between them."""

    z_dim: int
    c_dim: int
    w_dim: int
    num_layers: int
    embed_features: int
    layer_features: int
    lr_multiplier: float


@dataclass(frozen=True)
class SynthesisBlockArchitecture:
    """One resolution of the generator.

    `use_noise` has one entry per convolution, `conv_clamp` one for each of `synthesis_layers`; None means no
    clamping. Files differ here from layer to layer, which is why nothing is derived from a default.
    """

    resolution: int
    channels: int
    use_noise: tuple[bool, ...]
    conv_clamp: tuple[float | None, ...]


@dataclass(frozen=True)
class GeneratorArchitecture:
    """A StyleGAN2 generator; `const_size` is (height, width) of the learned constant.

    `num_fp16_res` only records how many resolutions the authors ran in half precision; here all is float32.
    """

    mapping: MappingArchitecture
    img_channels: int
    const_size: tuple[int, int]
    blocks: tuple[SynthesisBlockArchitecture, ...]
    num_fp16_res: int = 0
    variant: Variant = "skip"

    @property
    def num_ws(self) -> int:
        """One w per convolution and one for the last torgb."""
        return 2 * len(self.blocks)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        height, width = self.const_size
        return height << (len(self.blocks) - 1), width << (len(self.blocks) - 1)

    def layers(self, index: int) -> tuple[str, ...]:
        """What the block of this index consists of, see `synthesis_layers`."""
        return synthesis_layers(self.variant, first=index == 0, last=index == len(self.blocks) - 1)


@dataclass(frozen=True)
class DiscriminatorBlockArchitecture:
    """One halving of the resolution; `conv_clamp` has one entry for each of `discriminator_layers`."""

    resolution: int
    in_channels: int
    out_channels: int
    conv_clamp: tuple[float | None, ...]


@dataclass(frozen=True)
class DiscriminatorArchitecture:
    """A StyleGAN2 discriminator; `mapping` embeds the class label and is None without classes."""

    img_channels: int
    blocks: tuple[DiscriminatorBlockArchitecture, ...]
    final_size: tuple[int, int]
    final_channels: int
    final_clamp: float | None
    mbstd_group_size: int | None
    mbstd_num_channels: int
    mapping: MappingArchitecture | None
    variant: Variant = "resnet"

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the images it judges."""
        height, width = self.final_size
        return height << len(self.blocks), width << len(self.blocks)


def synthesis_layers(variant: Variant, *, first: bool, last: bool) -> tuple[str, ...]:
    """The layers of a generator's block that may clamp: the first starts at the constant, without conv0."""
    convolutions = ("conv1",) if first else ("conv0", "conv1")
    shortcut = ("skip",) if variant == "resnet" and not first else ()
    colours = ("torgb",) if variant == "skip" or last else ()
    return convolutions + shortcut + colours


def discriminator_layers(variant: Variant, *, first: bool) -> tuple[str, ...]:
    """The same for a discriminator's block; the first one sees the image."""
    shortcut = ("skip",) if variant == "resnet" else ()
    colours = ("fromrgb",) if variant == "skip" or first else ()
    return ("conv0", "conv1", *shortcut, *colours)


def generator_architecture(
    *,
    z_dim: int,
    w_dim: int,
    img_resolution: int,
    c_dim: int = 0,
    img_channels: int = 3,
    mapping_layers: int = 8,
    lr_multiplier: float = 0.01,
    channel_base: int = 32768,
    channel_max: int = 512,
    conv_clamp: float | None = None,
    use_noise: bool = True,
    variant: Variant = "skip",
) -> GeneratorArchitecture:
    """The square architecture in the papers' few numbers: block R has min(channel_base / R, channel_max)."""
    resolutions = [2**k for k in range(2, int(math.log2(img_resolution)) + 1)]
    blocks = tuple(
        SynthesisBlockArchitecture(
            resolution=resolution,
            channels=min(channel_base // resolution, channel_max),
            use_noise=(use_noise,) * (1 if resolution == 4 else 2),
            conv_clamp=(conv_clamp,)
            * len(synthesis_layers(variant, first=resolution == 4, last=resolution == img_resolution)),
        )
        for resolution in resolutions
    )
    embed = w_dim if c_dim else 0
    mapping = MappingArchitecture(z_dim, c_dim, w_dim, mapping_layers, embed, w_dim, lr_multiplier)
    return GeneratorArchitecture(mapping, img_channels, (4, 4), blocks, variant=variant)


def discriminator_architecture(
    *,
    img_resolution: int,
    img_channels: int = 3,
    channel_base: int = 32768,
    channel_max: int = 512,
    conv_clamp: float | None = None,
    mbstd_group_size: int = 4,
    variant: Variant = "resnet",
) -> DiscriminatorArchitecture:
    """The square architecture in the papers' few numbers, without classes; channels as in the generator."""
    resolutions = [2**k for k in range(int(math.log2(img_resolution)), 2, -1)]
    channels = {resolution: min(channel_base // resolution, channel_max) for resolution in (*resolutions, 4)}
    blocks = tuple(
        DiscriminatorBlockArchitecture(
            resolution=resolution,
            in_channels=channels[resolution],
            out_channels=channels[resolution // 2],
            conv_clamp=(conv_clamp,) * len(discriminator_layers(variant, first=i == 0)),
        )
        for i, resolution in enumerate(resolutions)
    )
    return DiscriminatorArchitecture(
        img_channels=img_channels,
        blocks=blocks,
        final_size=(4, 4),
        final_channels=channels[4],
        final_clamp=conv_clamp,
        mbstd_group_size=mbstd_group_size,
        mbstd_num_channels=1,
        mapping=None,
        variant=variant,
    )
