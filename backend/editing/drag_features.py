"""The features of a drag's steps: only where they will be read, or the whole map where that costs less."""

from __future__ import annotations

import torch

import stylegan2
from backend.editing.feature_map import FeatureMap, texels_of
from stylegan2.feature_synthesis import FeatureSynthesis, WindowPlan
from stylegan2.windows import Box

ROUNDING = 1e-3  # texels: a place read and the box around it are computed in different ways


class DragFeatures:
    """Computes the feature map of one drag, step after step."""

    def __init__(self, generator: stylegan2.Generator, w_plus: torch.Tensor, moving: int, block: int) -> None:
        """Prepare the layers.

        Args:
            generator: of the edit.
            w_plus: [1, num_ws, w_dim], the code to start from.
            moving: how many of its layers move.
            block: the feature block.
        """
        self._synthesis = FeatureSynthesis(generator.synthesis, w_plus, moving, block)
        self._image_size = generator.image_size
        self._planned: tuple[list[Box], WindowPlan | None] | None = None

    @property
    def texel(self) -> float:
        """Its height in pixels of the image."""
        return self._image_size[0] / self._synthesis.map_size[0]

    def kept(self) -> FeatureSynthesis:
        """Return what computes the features that a mask keeps: those of the block before."""
        return self._synthesis.until(max(len(self._synthesis.blocks) - 1, 1))

    def whole(self, ws: torch.Tensor) -> FeatureMap:
        """Return all features of the moving w [1, moving, w_dim]."""
        return FeatureMap.whole(self._synthesis.features(ws), self._image_size)

    def within(self, ws: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> FeatureMap:
        """Return the features of the moving w, at least those that are read between the given corners.

        Args:
            ws: [1, moving, w_dim].
            low: [N, 2], the least (x, y) of what is read around each handle, in pixels of the image.
            high: [N, 2], the greatest.
        """
        plan = self._plan(low, high)
        if plan is None:
            return self.whole(ws)
        texels = self._synthesis.texels(ws, plan)
        return FeatureMap(texels, self._synthesis.map_size, self._image_size, plan.rows)

    def _plan(self, low: torch.Tensor, high: torch.Tensor) -> WindowPlan | None:
        """The plan of the step before, as long as nothing has moved to another texel."""
        low, high = (texels_of(edge, self._synthesis.map_size, self._image_size) for edge in (low, high))
        first = (low - ROUNDING).floor()
        count = (high - low + 2 * ROUNDING).ceil() + 2  # and not high.floor() - first: so boxes have one size
        corners = torch.cat([first.flip(1), count.flip(1)], dim=1).long().tolist()
        boxes = [(top, left, height, width) for top, left, height, width in corners]
        if self._planned is None or self._planned[0] != boxes:
            self._planned = boxes, self._synthesis.plan(boxes)
        return self._planned[1]
