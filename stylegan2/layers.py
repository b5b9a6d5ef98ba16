"""The layers of StyleGAN2 in plain PyTorch: dense, modulated convolution, resampling, to RGB.

Weights are stored with unit variance and scaled at run time ("equalised learning rate"), as the published
files hold them. All tensors are float32 [N, C, H, W]. Source: Karras et al. 2020, "Analyzing and Improving
the Image Quality of StyleGAN", section 2 and appendix B.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NoiseMode = Literal["const", "none", "random"]
NOISE_MODES = ("const", "none", "random")

SLOPE = 0.2
GAIN = math.sqrt(2)  # keeps the variance after a leaky ReLU
EPSILON = 1e-8
RESIDUAL_GAIN = math.sqrt(0.5)  # of each of two equally strong branches: their sum keeps its variance


def activate(x: Tensor, clamp: float | None = None) -> Tensor:
    """Leaky ReLU of `x`, overwriting it, then clamping to +-`clamp`.

    The caller multiplies by GAIN beforehand: leaky_relu(a x) = a leaky_relu(x) for a > 0, so the gain can
    ride on the weights or the demodulation instead of costing a pass over the image.
    """
    x = F.leaky_relu_(x, SLOPE)
    return x if clamp is None else x.clamp(-clamp, clamp)


def normalize_second_moment(x: Tensor) -> Tensor:
    """Scale each row of `x` [N, C] to a mean square of one."""
    return x * (x.square().mean(dim=1, keepdim=True) + EPSILON).rsqrt()


def binomial_filter() -> Tensor:
    """The 4 x 4 low-pass filter [1, 3, 3, 1] of the papers; sums to one."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / taps.sum() ** 2


def filter_image(x: Tensor, taps: Tensor, padding: int, stride: int = 1) -> Tensor:
    """Convolve every channel of `x` with the 2D filter `taps`, zeros around the image."""
    return _Filter.apply(x, taps, padding) if stride == 1 else _filtered(x, taps, padding, stride)


def _filtered(x: Tensor, taps: Tensor, padding: int, stride: int = 1) -> Tensor:
    channels = x.shape[1]
    kernel = taps.to(x.dtype).flip((0, 1)).expand(channels, 1, *taps.shape)  # a gradient may come in half precision
    return F.conv2d(x, kernel, stride=stride, padding=padding, groups=channels)


class _Filter(torch.autograd.Function):
    """`_filtered`, its gradient filtered in turn: PyTorch's own gradient takes four times as long on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, padding: int) -> Tensor:
        ctx.taps, ctx.padding = taps, padding
        return _filtered(x, taps, padding)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        taps = ctx.taps
        return _Filter.apply(grad_outputs[0], taps.flip((0, 1)), taps.shape[0] - 1 - ctx.padding), None, None


def downsample_image(x: Tensor, taps: Tensor) -> Tensor:
    """Halve the size of `x` with the 4 x 4 filter `taps`; pixel corners stay where they are."""
    return filter_image(x, taps, padding=taps.shape[0] // 2 - 1, stride=2)


def upsample_image(x: Tensor, taps: Tensor) -> Tensor:
    """Double the size of `x` with the 4 x 4 filter `taps`; pixel corners stay where they are."""
    channels = x.shape[1]
    kernel = (taps * 4).expand(channels, 1, *taps.shape)
    return F.conv_transpose2d(x, kernel, stride=2, padding=taps.shape[0] // 2 - 1, groups=channels)


class Dense(nn.Module):
    """Fully connected layer [N, in] -> [N, out], with a leaky ReLU when `leaky`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        leaky: bool = False,
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias_init)))
        self.leaky = leaky
        gain = GAIN if leaky else 1.0
        self.weight_gain = gain * lr_multiplier / math.sqrt(in_features)
        self.bias_gain = gain * lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x * self.weight_gain, self.weight, self.bias * self.bias_gain)
        return activate(y) if self.leaky else y


class SynthesisLayer(nn.Module):
    """Modulated 3 x 3 convolution, noise, bias and leaky ReLU; doubles the size of the image when `up`.

    A `gain` below one makes the layer that much weaker, its clamp included: the branch of a residual block.

    Modulating the weights by the style s and demodulating them (equations 1 and 3 of the paper) is the same
    as scaling the input channels by s and the output channels by d = 1 / sqrt(sum_i,k (s_i w_oik)^2). That
    is what happens here: with a gradient to w it saves a third of the time at 512 pixels, without one it
    costs the same, and images of a batch share one convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        size: tuple[int, int],
        *,
        up: bool = False,
        use_noise: bool = True,
        conv_clamp: float | None = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.affine = Dense(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.up, self.use_noise, self.gain = up, use_noise, GAIN * gain
        self.clamp = None if conv_clamp is None else conv_clamp * gain
        self.resample_filter: Tensor
        self.noise_const: Tensor
        if up:
            self.register_buffer("resample_filter", binomial_filter())
        if use_noise:
            self.register_buffer("noise_const", torch.randn(size))
            self.noise_strength = nn.Parameter(torch.zeros(()))
        self._squares: tuple[object, Tensor] | None = None

    def forward(self, x: Tensor, w: Tensor, noise_mode: NoiseMode = "const") -> Tensor:
        """`x` [N, C_in, H, W] and `w` [N, w_dim] -> [N, C_out, H, W], or twice that size when `up`."""
        style, scale = self.modulation(w)
        bias = (self.bias * self.gain)[:, None, None]
        y = self._convolve(x * style[:, :, None, None])
        y = torch.addcmul(bias, y, scale[:, :, None, None])
        if self.use_noise and noise_mode != "none":
            y += self._noise(y, noise_mode) * (self.noise_strength * self.gain)
        return activate(y, self.clamp)

    def _convolve(self, x: Tensor) -> Tensor:
        if not self.up:
            return F.conv2d(x, self.weight, padding=1)
        y = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
        return filter_image(y, self.resample_filter * 4, padding=self.resample_filter.shape[0] // 2 - 1)

    def modulation(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """The scales of the input channels, s [N, C_in], and of the output channels, d [N, C_out] with the gain."""
        style = self.affine(w)
        return style, (style.square() @ self._weight_squares().T + EPSILON).rsqrt() * self.gain

    def _weight_squares(self) -> Tensor:
        """Sum over the kernel of w^2, [C_out, C_in]; kept until the weights change, unless they are tuned."""
        if self.weight.requires_grad or self.weight.is_inference():
            return self.weight.square().sum((2, 3))
        state = (self.weight._version, self.weight.data_ptr(), self.weight.device, self.weight.dtype)
        if self._squares is None or self._squares[0] != state:
            with torch.inference_mode(False):  # what inference mode makes is of no use to a later gradient
                self._squares = state, self.weight.detach().square().sum((2, 3))
        return self._squares[1]

    def _noise(self, y: Tensor, noise_mode: NoiseMode) -> Tensor:
        if noise_mode == "const":
            return self.noise_const
        return torch.randn(y.shape[0], 1, *y.shape[2:], device=y.device, dtype=y.dtype)


class ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to the colours, without demodulation: [N, C, H, W] -> [N, 3, H, W]."""

    def __init__(self, in_channels: int, img_channels: int, w_dim: int, conv_clamp: float | None = None) -> None:
        super().__init__()
        self.affine = Dense(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(img_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)
        self.conv_clamp = conv_clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) * self.weight_gain
        weight = self.weight[None, :, :, 0, 0] * style[:, None, :]
        y = torch.baddbmm(self.bias[:, None], weight, x.flatten(2)).unflatten(2, x.shape[2:])
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class UpsampledShortcut(nn.Module):
    """The linear branch of a residual block: 1 x 1 convolution without bias, to twice the size."""

    def __init__(self, in_channels: int, out_channels: int, *, gain: float, conv_clamp: float | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.resample_filter: Tensor
        self.register_buffer("resample_filter", binomial_filter())
        self.weight_gain = gain / math.sqrt(in_channels)
        self.clamp = None if conv_clamp is None else conv_clamp * gain

    def forward(self, x: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, 2 H, 2 W]."""
        y = upsample_image(F.conv2d(x, self.weight * self.weight_gain), self.resample_filter)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)
