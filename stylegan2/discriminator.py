"""The StyleGAN2 discriminator, also useful as a perceptual feature extractor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import DiscriminatorArchitecture, MappingArchitecture, discriminator_layers
from .errors import ModelError
from .layers import EPSILON, GAIN, RESIDUAL_GAIN, Dense, activate, binomial_filter, downsample_image, filter_image
from .mapping import DenseStack


class Convolution(nn.Module):
    """Plain convolution; halves the image when `down`; with bias and leaky ReLU when `leaky`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        leaky: bool = True,
        down: bool = False,
        conv_clamp: float | None = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if leaky else None
        self.resample_filter: Tensor
        if down:
            self.register_buffer("resample_filter", binomial_filter())
        self.down = down
        self.clamp = None if conv_clamp is None else conv_clamp * gain
        self.bias_gain = gain * (GAIN if leaky else 1.0)
        self.weight_gain = self.bias_gain / math.sqrt(in_channels * kernel_size**2)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, H, W], or half that size when `down`."""
        weight = self.weight * self.weight_gain
        kernel = weight.shape[-1]
        bias = None if self.bias is None else self.bias * self.bias_gain
        if not self.down:
            y = F.conv2d(x, weight, bias, padding=kernel // 2)
        elif kernel == 1:
            y = F.conv2d(downsample_image(x, self.resample_filter), weight, bias)
        else:
            taps = self.resample_filter
            y = F.conv2d(filter_image(x, taps, taps.shape[0] // 2 - 1 + kernel // 2), weight, bias, stride=2)
        if self.bias is not None:
            return activate(y, self.clamp)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class DiscriminatorBlock(nn.Module):
    """Two convolutions to half the size; the colours come in, and a shortcut lies beside, as the variant says."""

    def __init__(self, architecture: DiscriminatorArchitecture, index: int) -> None:
        super().__init__()
        block = architecture.blocks[index]
        layers = discriminator_layers(architecture.variant, first=index == 0)
        clamps = dict(zip(layers, block.conv_clamp, strict=True))
        before, after = block.in_channels, block.out_channels
        self.fromrgb = self.skip = None
        if "fromrgb" in clamps:
            self.fromrgb = Convolution(architecture.img_channels, before, 1, conv_clamp=clamps["fromrgb"])
        if "skip" in clamps:
            self.skip = Convolution(
                before, after, 1, leaky=False, down=True, conv_clamp=clamps["skip"], gain=RESIDUAL_GAIN
            )
        self.conv0 = Convolution(before, before, 3, conv_clamp=clamps["conv0"])
        gain = 1.0 if self.skip is None else RESIDUAL_GAIN
        self.conv1 = Convolution(before, after, 3, down=True, conv_clamp=clamps["conv1"], gain=gain)
        self.resample_filter: Tensor | None
        self.register_buffer("resample_filter", binomial_filter() if architecture.variant == "skip" else None)

    def forward(self, x: Tensor | None, image: Tensor) -> tuple[Tensor, Tensor]:
        """Features and image at half the size, from those of the block before; the first one gets no features.

        The image is only made smaller in the variant "skip", where later blocks read it.
        """
        if self.fromrgb is not None:
            colours = self.fromrgb(image)
            x = colours if x is None else x + colours
        assert x is not None
        y = self.conv1(self.conv0(x))
        if self.skip is not None:
            y = y + self.skip(x)
        return y, image if self.resample_filter is None else downsample_image(image, self.resample_filter)


def minibatch_stddev(x: Tensor, group_size: int | None, num_channels: int) -> Tensor:
    """Append `num_channels` maps to `x` that tell how much the images of a group differ.

    The batch is split into groups of at most `group_size` images (None = all); every n-th image belongs
    to the same group, as in the published networks. A batch that does not split evenly gets smaller groups.
    """
    count, channels, height, width = x.shape
    group = min(group_size or count, count)
    while count % group:
        group -= 1
    y = x.reshape(group, count // group, num_channels, channels // num_channels, height, width)
    deviation = (y.var(dim=0, unbiased=False) + EPSILON).sqrt().mean(dim=(2, 3, 4))
    maps = deviation.repeat(group, 1)[:, :, None, None].expand(-1, -1, height, width)
    return torch.cat([x, maps], dim=1)


class DiscriminatorEpilogue(nn.Module):
    """The coarsest features -> one number per image (or `cmap_dim` numbers to compare with the label)."""

    def __init__(self, architecture: DiscriminatorArchitecture, cmap_dim: int) -> None:
        super().__init__()
        channels = architecture.final_channels
        height, width = architecture.final_size
        self.group_size, self.num_channels = architecture.mbstd_group_size, architecture.mbstd_num_channels
        self.fromrgb = None
        if architecture.variant == "skip":
            self.fromrgb = Convolution(architecture.img_channels, channels, 1)
        before = channels + self.num_channels
        self.conv = Convolution(before, channels, 3, conv_clamp=architecture.final_clamp)
        self.fc = Dense(channels * height * width, channels, leaky=True)
        self.out = Dense(channels, cmap_dim or 1)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """[N, 1 or cmap_dim] from the features and the image, both at the coarsest size."""
        if self.fromrgb is not None:
            x = x + self.fromrgb(image)
        if self.num_channels:
            x = minibatch_stddev(x, self.group_size, self.num_channels)
        return self.out(self.fc(self.conv(x).flatten(1)))


class LabelMapping(DenseStack):
    """The class label alone through dense layers: [N, c_dim] -> [N, cmap_dim]."""

    def __init__(self, architecture: MappingArchitecture) -> None:
        super().__init__(architecture)
        self.cmap_dim = architecture.w_dim

    def forward(self, c: Tensor | None) -> Tensor:
        return self.transform(None, c)


class Discriminator(nn.Module):
    """Real or generated: parameter names as in NVIDIA's files."""

    def __init__(self, architecture: DiscriminatorArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.block_resolutions = [block.resolution for block in architecture.blocks]
        for i, block in enumerate(architecture.blocks):
            self.add_module(f"b{block.resolution}", DiscriminatorBlock(architecture, i))
        self.mapping = LabelMapping(architecture.mapping) if architecture.mapping else None
        self.b4 = DiscriminatorEpilogue(architecture, self.mapping.cmap_dim if self.mapping else 0)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the images it judges."""
        return self.architecture.image_size

    def features(self, image: Tensor, c: Tensor | None = None) -> list[Tensor]:
        """What each block gives for `image` [N, 3, H, W] in -1..1: [N, C, h, w], fine to coarse.

        The first has half the image's size. `c` plays no part; it is there so that calls look alike.
        Raises ModelError when the image has another size than the model's.
        """
        return [x for x, _ in self._run(image)]

    def _run(self, image: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the output of each block: its features, and the image at their size."""
        if tuple(image.shape[2:]) != self.image_size:
            raise ModelError(
                f"The discriminator judges images of {self.image_size[1]} x {self.image_size[0]} pixels, "
                f"not {image.shape[3]} x {image.shape[2]}; scale the image first."
            )
        x: Tensor | None = None
        image = image.float()
        for resolution in self.block_resolutions:
            block = cast(DiscriminatorBlock, self.get_submodule(f"b{resolution}"))
            output: tuple[Tensor, Tensor] = block(x, image)
            x, image = output
            yield output

    def forward(self, image: Tensor, c: Tensor | None = None) -> Tensor:
        """Logits [N, 1] of `image` [N, 3, H, W] in -1..1; above zero = looks real.

        They depend on the whole batch (minibatch standard deviation). Raises ModelError when the size is
        another one, or the model has classes and `c` [N, c_dim] is missing.
        """
        *_, (features, small) = self._run(image)
        x = self.b4(features, small)
        if self.mapping is None:
            return x
        label = self.mapping(c)
        return (x * label).sum(dim=1, keepdim=True) / math.sqrt(self.mapping.cmap_dim)
