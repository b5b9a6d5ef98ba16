"""The StyleGAN2 generator: mapping z -> w and synthesis w -> image, or only up to a block's features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from .architecture import GeneratorArchitecture
from .errors import ModelError
from .layers import (
    NOISE_MODES,
    RESIDUAL_GAIN,
    NoiseMode,
    SynthesisLayer,
    ToRGB,
    UpsampledShortcut,
    binomial_filter,
    upsample_image,
)
from .mapping import MappingNetwork


class SynthesisBlock(nn.Module):
    """Everything at one resolution: two convolutions (the first block has one), and what the variant has beside."""

    def __init__(self, architecture: GeneratorArchitecture, index: int) -> None:
        super().__init__()
        block, w_dim = architecture.blocks[index], architecture.mapping.w_dim
        clamps = dict(zip(architecture.layers(index), block.conv_clamp, strict=True))
        channels, noises = block.channels, block.use_noise
        size = self.size = (architecture.const_size[0] << index, architecture.const_size[1] << index)
        self.skip = self.torgb = None
        self.resample_filter: Tensor
        if index == 0:
            self.const = nn.Parameter(torch.randn(channels, *size))
        else:
            before = architecture.blocks[index - 1].channels
            self.register_buffer("resample_filter", binomial_filter())
            self.conv0 = SynthesisLayer(
                before, channels, w_dim, size, up=True, use_noise=noises[0], conv_clamp=clamps["conv0"]
            )
            if "skip" in clamps:
                self.skip = UpsampledShortcut(before, channels, gain=RESIDUAL_GAIN, conv_clamp=clamps["skip"])
        gain = 1.0 if self.skip is None else RESIDUAL_GAIN
        self.conv1 = SynthesisLayer(
            channels, channels, w_dim, size, use_noise=noises[-1], conv_clamp=clamps["conv1"], gain=gain
        )
        if "torgb" in clamps:
            self.torgb = ToRGB(channels, architecture.img_channels, w_dim, conv_clamp=clamps["torgb"])

    def convolve(self, x: Tensor | None, ws: Tensor, noise_mode: NoiseMode) -> Tensor:
        """Features [N, C, H, W] from those of the block before and `ws` [N, convolutions, w_dim]."""
        if x is None:
            return self.conv1(self.const.expand(ws.shape[0], -1, -1, -1), ws[:, -1], noise_mode)
        y = self.conv1(self.conv0(x, ws[:, 0], noise_mode), ws[:, -1], noise_mode)
        return y if self.skip is None else y + self.skip(x)

    def add_colours(self, image: Tensor | None, x: Tensor, w: Tensor) -> Tensor | None:
        """The image so far, doubled in size, plus what this block's features `x` add to it.

        A block without colours of its own leaves it at None: then only the last one has some.
        """
        if self.torgb is None:
            return image
        colours = self.torgb(x, w)
        return colours if image is None else colours.add_(upsample_image(image, self.resample_filter))


class SynthesisNetwork(nn.Module):
    """w of every layer -> image, coarse to fine."""

    def __init__(self, architecture: GeneratorArchitecture) -> None:
        super().__init__()
        self.block_resolutions = [block.resolution for block in architecture.blocks]
        self.num_ws = architecture.num_ws
        for i, block in enumerate(architecture.blocks):
            self.add_module(f"b{block.resolution}", SynthesisBlock(architecture, i))

    def forward(self, ws: Tensor, noise_mode: NoiseMode = "const") -> Tensor:
        """The image [N, 3, H, W] of `ws` [N, num_ws, w_dim]: nominally -1..1, not clamped.

        noise_mode: "const" = the stored noise (the same image every time), "none", or "random".
        """
        image: Tensor | None = None
        for count, block, x in self._run(ws, noise_mode):
            image = block.add_colours(image, x, ws[:, count])
        assert image is not None
        return image

    def draft(self, ws: Tensor, side: int) -> Tensor:
        """The image [N, 3, h, w] as far as the first block with `side` pixels or more, with "const" noise.

        Of most models it is nearly the image made smaller, for a small part of the price. Where only the last block
        has colours, it is the image.
        """
        image: Tensor | None = None
        for count, block, x in self._run(ws, "const"):
            image = block.add_colours(image, x, ws[:, count])
            if image is not None and min(image.shape[2:]) >= side:
                break
        assert image is not None
        return image

    def features(self, ws: Tensor, block: int = 64, noise_mode: NoiseMode = "const") -> Tensor:
        """The output [N, C, block, block'] of one block; colours and later blocks are not computed.

        Only ws[:, :num_ws_until(block)] is read, so `ws` may be that short.
        Raises ModelError when the model has no such block.
        """
        last = self.num_ws_until(block)
        return next(x for count, _, x in self._run(ws, noise_mode) if count == last)

    def num_ws_until(self, block: int) -> int:
        """How many entries of ws [N, num_ws, w_dim] the features of `block` depend on."""
        return 2 * len(self.blocks_until(block)) - 1

    def blocks_until(self, block: int) -> list[SynthesisBlock]:
        """The blocks that make the features of `block`. Raises ModelError when the model has no such block."""
        if block not in self.block_resolutions:
            choice = ", ".join(map(str, self.block_resolutions))
            raise ModelError(f"The model has no block of {block} pixels; choose one of {choice}.")
        resolutions = self.block_resolutions[: self.block_resolutions.index(block) + 1]
        return [cast(SynthesisBlock, self.get_submodule(f"b{resolution}")) for resolution in resolutions]

    def _run(self, ws: Tensor, noise_mode: NoiseMode) -> Iterator[tuple[int, SynthesisBlock, Tensor]]:
        """Compute block after block, as far as asked: how many w were used so far, the block, its features.

        The block's torgb shares its w with the next block's first convolution: ws[:, that number].
        """
        if noise_mode not in NOISE_MODES:
            raise ModelError(f"The noise mode is {noise_mode!r}; choose one of {', '.join(NOISE_MODES)}.")
        x: Tensor | None = None
        for resolution in self.block_resolutions:
            block = cast(SynthesisBlock, self.get_submodule(f"b{resolution}"))
            count = self.num_ws_until(resolution)
            x = block.convolve(x, ws[:, max(count - 2, 0) : count], noise_mode)
            yield count, block, x


class Generator(nn.Module):
    """Mapping and synthesis of one model; parameter names as in NVIDIA's files."""

    def __init__(self, architecture: GeneratorArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.z_dim = architecture.mapping.z_dim
        self.c_dim = architecture.mapping.c_dim
        self.w_dim = architecture.mapping.w_dim
        self.num_ws = architecture.num_ws
        self.img_channels = architecture.img_channels
        self.block_resolutions = [block.resolution for block in architecture.blocks]
        self.mapping = MappingNetwork(architecture.mapping, architecture.num_ws)
        self.synthesis = SynthesisNetwork(architecture)

    @property
    def img_resolution(self) -> int:
        """Height of the image in pixels."""
        return self.image_size[0]

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.architecture.image_size

    def forward(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0, noise_mode: NoiseMode = "const"
    ) -> Tensor:
        """An image [N, 3, H, W] for each z [N, z_dim]; see `mapping` and `synthesis`."""
        return self.synthesis(self.mapping(z, c, truncation_psi), noise_mode)
