"""The features of one block, step after step, while only the first w move: the whole map, or only windows of it.

What does not change is computed once: modulated weights of the layers whose w is fixed, transposed weights, noise.
Windows give the same numbers as the whole map: each layer is computed where the next one reads it, and nowhere else.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .generator import SynthesisBlock, SynthesisNetwork
from .layers import SynthesisLayer, activate, filter_image
from .windows import Box, Windows, merged, size_before

# A convolution of a batch of windows takes as long as one of this many texels more: its weights have to be read.
# Measured with 512 channels on one core: 49 texels 2.1 ms, 980 texels 22.8 ms.
WEIGHTS = 48


@dataclass(frozen=True, eq=False)
class WindowPlan:
    """Which windows are computed.

    Attributes:
        whole: how many blocks are computed as whole maps before the windows begin.
        batches: for each size of windows: what of the last whole map they are computed from, then those of each block.
    """

    whole: int
    batches: list[list[Windows]]

    @functools.cached_property
    def rows(self) -> Tensor:
        """For each texel of the map, its row among those of `FeatureSynthesis.texels`: int64 [H * W]."""
        ends = [batch[-1] for batch in self.batches]
        height, width = ends[0].map_size
        texels = torch.cat([w.flat.where(w.inside[:, 0], height * width).flatten() for w in ends])
        rows = texels.new_full((height * width + 1,), len(texels))
        rows[texels] = torch.arange(len(texels), device=texels.device)
        return rows[:-1]


class FeatureSynthesis:
    """Computes the features of one block for codes of which only the first w move."""

    def __init__(self, synthesis: SynthesisNetwork, ws: Tensor, moving: int, block: int) -> None:
        """Prepare the layers.

        Args:
            synthesis: the network, whose weights have to stay as they are.
            ws: [1, num_ws, w_dim], the code.
            moving: how many w, from the first on, will be given anew each time.
            block: resolution of the block.

        Raises:
            ModelError: the model has no such block.
        """
        blocks = synthesis.blocks_until(block)
        with torch.no_grad():
            self.blocks = [_Block(block, ws, 2 * i - 1, moving) for i, block in enumerate(blocks)]
        self.map_size = blocks[-1].size
        self.device = ws.device

    def until(self, blocks: int) -> FeatureSynthesis:
        """The same for the features of an earlier block: of this many blocks the last one."""
        earlier = copy.copy(self)
        earlier.blocks = self.blocks[:blocks]
        earlier.map_size = earlier.blocks[-1].block.size
        return earlier

    def features(self, ws: Tensor) -> Tensor:
        """The whole feature map [1, C, H, W] of the moving w [1, moving, w_dim]."""
        return self._whole(ws, len(self.blocks))

    def maps(self, ws: Tensor) -> tuple[Tensor, Tensor]:
        """The whole feature map, and before it that of the block before, in one pass; of one block twice the same."""
        before = self._whole(ws, max(len(self.blocks) - 1, 1))
        return before, self.blocks[-1].whole(before, ws) if len(self.blocks) > 1 else before

    def texels(self, ws: Tensor, plan: WindowPlan) -> Tensor:
        """The texels [T + 1, C] of the plan's windows, as `plan.rows` finds them; the last one is not a number."""
        start, found = self._whole(ws, plan.whole), []
        for before, *batch in plan.batches:
            x = before.cut(start)
            for block, windows in zip(self.blocks[plan.whole :], batch, strict=True):
                x = block.in_windows(x, ws, windows)
            found.append(x.permute(0, 2, 3, 1).flatten(0, 2))
        return torch.cat([*found, found[0].new_full((1, found[0].shape[1]), float("nan"))])

    def plan(self, boxes: Sequence[Box]) -> WindowPlan | None:
        """How to compute these boxes of the feature map with the least work; None where the whole map costs less."""
        plans = [(boxes, whole) for boxes in (boxes, merged(boxes)) for whole in range(1, len(self.blocks))]
        best = min(plans, key=lambda plan: self.work(*plan), default=None)
        if best is None or self.work(*best) >= self.work():
            return None
        boxes, whole = best
        batches = []
        for size in sorted({box[2:] for box in boxes}):
            batch = [Windows.of([box for box in boxes if box[2:] == size], self.map_size, self.device)]
            while len(batch) <= len(self.blocks) - whole:
                batch.insert(0, batch[0].before)
            batches.append(batch)
        return WindowPlan(whole, batches)

    def work(self, boxes: Sequence[Box] = (), whole: int | None = None) -> float:
        """Floating-point operations of one pass: of the whole map, or of boxes after `whole` blocks of whole maps."""
        work = sum(block.work(*block.whole_texels) for block in self.blocks[:whole])
        for size, count in Counter(box[2:] for box in boxes).items():
            for block in reversed(self.blocks[whole:]):
                before = size_before(size)
                work += block.work(count * before[0] * before[1] + WEIGHTS, count * size[0] * size[1] + WEIGHTS)
                size = before
        return work

    def _whole(self, ws: Tensor, blocks: int) -> Tensor:
        x = self.blocks[0].first(ws)
        for block in self.blocks[1:blocks]:
            x = block.whole(x, ws)
        return x


class _Block:
    """One block of the network, its layers ready."""

    def __init__(self, block: SynthesisBlock, ws: Tensor, first: int, moving: int) -> None:
        """`first`: which w its first convolution has; -1 in the first block, which has only the second."""
        self.block = block
        self.conv0 = _Layer(block.conv0, ws, first, moving) if first > 0 else None
        self.conv1 = _Layer(block.conv1, ws, first + 1, moving)
        height, width = block.size
        self.whole_texels = (height * width // 4 if self.conv0 else 0, height * width)

    def first(self, ws: Tensor) -> Tensor:
        """The features of the first block."""
        return self.conv1(self.block.const[None], ws)

    def whole(self, x: Tensor, ws: Tensor) -> Tensor:
        """The whole features from those of the block before."""
        assert self.conv0
        y = self.conv1(self.conv0(x, ws), ws)
        return y if self.block.skip is None else y + self.block.skip(x)

    def in_windows(self, x: Tensor, ws: Tensor, windows: Windows) -> Tensor:
        """The features in `windows` from those of `windows.before`."""
        assert self.conv0
        y = self.conv1(self.conv0(x, ws, windows.around), ws, windows)
        if self.block.skip is None:
            return y
        shortcut = self.block.skip(x)[:, :, 3:, 3:]  # of the windows one more row and column than read is needed
        return (y + windows.around.cut_doubled(shortcut, windows.size)) * windows.inside

    def work(self, before: int, after: int) -> float:
        """Floating-point operations for this many texels of the block before and of this one."""
        work = _operations(self.conv1.layer.weight) * after
        if self.conv0:
            work += _operations(self.conv0.layer.weight) * before
        return work if self.block.skip is None else work + _operations(self.block.skip.weight) * before


def _operations(weight: Tensor) -> int:
    return 2 * weight.numel()


class _Layer:
    """A synthesis layer with all that stays the same computed beforehand."""

    def __init__(self, layer: SynthesisLayer, ws: Tensor, index: int, moving: int) -> None:
        self.layer, self.index, self.moves = layer, index, index < moving
        weight = layer.weight
        if not self.moves:
            style, scale = layer.modulation(ws[:, index])
            weight = weight * (scale[0, :, None] * style[0])[:, :, None, None]
        # contiguous: otherwise each transposed convolution rearranges the weights, which takes longer than a window
        self.weight = weight.transpose(0, 1).contiguous() if layer.up else weight
        self.bias = (layer.bias * layer.gain)[:, None, None]
        self.noise = layer.noise_const * (layer.noise_strength * layer.gain) if layer.use_noise else None

    def __call__(self, x: Tensor, ws: Tensor, windows: Windows | None = None) -> Tensor:
        """The whole features from the whole `x`, or those in `windows` from what they are computed from."""
        if self.moves:
            style, scale = self.layer.modulation(ws[:, self.index])
            y = self._convolve(x * style[:, :, None, None], windows)
            y = torch.addcmul(self.bias, y, scale[:, :, None, None])
        else:
            y = self._convolve(x, windows).add_(self.bias)
        if self.noise is not None:
            y += self.noise if windows is None else windows.cut(self.noise[None, None])
        y = activate(y, self.layer.clamp)
        return y if windows is None else y * windows.inside

    def _convolve(self, x: Tensor, windows: Windows | None) -> Tensor:
        if not self.layer.up:
            return F.conv2d(x, self.weight, padding=1 if windows is None else 0)
        taps = self.layer.resample_filter * 4
        if windows is None:
            return filter_image(F.conv_transpose2d(x, self.weight, stride=2), taps, padding=taps.shape[0] // 2 - 1)
        y = filter_image(F.conv_transpose2d(x, self.weight, stride=2, padding=1), taps, padding=0)
        return windows.cut_doubled(y)
