"""The features of a drag's steps: only where they will be read, or the whole map where that costs less."""

from __future__ import annotations

import dataclasses

import torch

import stylegan2
from backend.editing.feature_map import FeatureMap, texels_of
from stylegan2.feature_synthesis import FeatureSynthesis, WindowPlan
from stylegan2.windows import Box

ROUNDING = 1e-3  # texels: a place read and the box around it are computed in different ways
KEPT = 1  # blocks before the feature block is the one that a mask keeps; it has to be computed whole


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
        self._kept = max(len(self._synthesis.blocks) - KEPT, 1)
        self._planned: tuple[list[Box], int, WindowPlan | None] | None = None

    @property
    def texel(self) -> float:
        """Its height in pixels of the image."""
        return self._image_size[0] / self._synthesis.map_size[0]

    def kept(self, ws: torch.Tensor) -> FeatureMap:
        """Return the features that a mask keeps, of the moving w [1, moving, w_dim]."""
        return FeatureMap.whole(self._synthesis.maps(ws, self._kept)[-1], self._image_size)

    def within(self, ws: torch.Tensor, low: torch.Tensor, high: torch.Tensor, masked: bool) -> FeatureMap:
        """Return the features of the moving w, at least those that are read between the given corners.

        Args:
            ws: [1, moving, w_dim].
            low: [N, 2], the least (x, y) of what is read around each handle, in pixels of the image.
            high: [N, 2], the greatest.
            masked: whether those that a mask keeps are wanted, too.
        """
        plan = self._plan(low, high, self._kept if masked else 1)
        maps = self._synthesis.maps(ws, plan.whole if plan else len(self._synthesis.blocks))
        kept = FeatureMap.whole(maps[self._kept - 1], self._image_size) if masked else None
        if plan is None:
            return dataclasses.replace(FeatureMap.whole(maps[-1], self._image_size), kept=kept)
        texels = self._synthesis.texels(ws, maps[-1], plan)
        return FeatureMap(texels, self._synthesis.map_size, self._image_size, plan.rows, kept)

    def _plan(self, low: torch.Tensor, high: torch.Tensor, least: int) -> WindowPlan | None:
        """The plan of the step before, as long as nothing has moved to another texel."""
        low, high = (texels_of(edge, self._synthesis.map_size, self._image_size) for edge in (low, high))
        first = (low - ROUNDING).floor()
        count = (high - low + 2 * ROUNDING).ceil() + 2  # and not high.floor() - first: so boxes have one size
        corners = torch.cat([first.flip(1), count.flip(1)], dim=1).long().tolist()
        boxes = [(top, left, height, width) for top, left, height, width in corners]
        if self._planned is None or self._planned[:2] != (boxes, least):
            self._planned = boxes, least, self._synthesis.plan(boxes, least)
        return self._planned[2]
