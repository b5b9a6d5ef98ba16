"""The second term of Eq. 1: outside the mask the features stay as at the start, in some tiles of an earlier block."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from stylegan2.feature_synthesis import FeatureSynthesis
from stylegan2.windows import Box

ACROSS = 4  # tiles from the top of the map to its bottom
AT_A_TIME = 2  # tiles in a step


class MaskLoss:
    """The loss of one mask: lambda times the mean over the channels and the map, as a few of its tiles tell it.

    All of them in each step cost more than all else of it, and hold nothing better; each has its turn.
    """

    def __init__(self, synthesis: FeatureSynthesis, ws: torch.Tensor, mask: torch.Tensor, weight: float) -> None:
        """Keep the features of the start.

        Args:
            synthesis: of the block whose features are kept.
            ws: [1, moving, w_dim], those of the start.
            mask: float [height, width], 1 = may move, 0 = stays, between = partly.
            weight: lambda of Eq. 1.
        """
        self._synthesis = synthesis
        with torch.no_grad():
            self._start = _texels(synthesis.features(ws))
        # Reduced to the feature map once: resizing the map to the image each step costs more than the network.
        outside = (1 - F.adaptive_avg_pool2d(mask[None, None], synthesis.map_size)[0, 0]).cpu()
        self._weight = outside.reshape(-1, 1).to(ws.device) * (weight / self._start.numel())
        self.tiles = Tiles(outside)

    def __call__(self, ws: torch.Tensor, whole: torch.Tensor | None = None) -> torch.Tensor:
        """Return it for a step.

        Args:
            ws: [1, moving, w_dim], the moving w.
            whole: [1, C, h, w], their features where all of them are known; without them some are computed.
        """
        boxes, share = self.tiles.next()
        if not boxes:
            return ws.new_zeros(())
        places = torch.cat([_places(box, self._synthesis.map_size, ws.device) for box in boxes])
        plan = self._synthesis.plan(boxes) if whole is None else None
        if plan is None:
            texels = _texels(self._synthesis.features(ws) if whole is None else whole).index_select(0, places)
        else:
            texels = self._synthesis.texels(ws, plan).index_select(0, plan.rows[places])
        return _WeightedL1.apply(texels, self._start[places], self._weight[places] / share)


class Tiles:
    """Chooses some of a map's square tiles for each step: all that are of any weight, one after the other."""

    def __init__(self, weight: torch.Tensor) -> None:
        """Take those of a map [height, width] where it is not 0."""
        height, width = weight.shape
        side = max(height // ACROSS, 1)
        corners = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
        self._boxes: list[Box] = [
            (top, left, side, side)
            for top, left in corners
            if float(weight[top : top + side, left : left + side].sum()) > 0
        ]
        self._numbers = np.random.default_rng(0)  # in the same order each time: the same drag ends at the same code
        self._order: list[int] = []

    def next(self) -> tuple[list[Box], float]:
        """Return those of the next step, and which share of all of them they are."""
        count = min(AT_A_TIME, len(self._boxes))
        if len(self._order) < count:
            self._order = self._numbers.permutation(len(self._boxes)).tolist()
        chosen, self._order = self._order[:count], self._order[count:]
        return [self._boxes[index] for index in chosen], count / max(len(self._boxes), 1)


def _places(box: Box, map_size: tuple[int, int], device: torch.device) -> torch.Tensor:
    """Where a box's texels are among those of the map, counted row by row: int64 [T]."""
    (top, left, height, width), (rows, columns) = box, map_size
    row = torch.arange(top, min(top + height, rows), device=device)
    column = torch.arange(left, min(left + width, columns), device=device)
    return (row[:, None] * columns + column).flatten()


def _texels(features: torch.Tensor) -> torch.Tensor:
    """A map [1, C, h, w] as [h * w, C]."""
    return features[0].flatten(1).T


class _WeightedL1(torch.autograd.Function):
    """sum(weight |x - y|) with a gradient to x, in few passes over these large arrays and with one copy of them."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        difference = x - y
        total = (torch.linalg.vector_norm(difference, ord=1, dim=1) * weight[:, 0]).sum()
        ctx.save_for_backward(difference.sign_().mul_(weight))
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        return ctx.saved_tensors[0] * grad_outputs[0], None, None
