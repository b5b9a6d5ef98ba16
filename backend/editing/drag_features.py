"""The features of a drag's steps: only where they will be read, or the whole map where that costs less.

On a CUDA card it is always the whole map: nothing of that but the numbers changes from step to step, so its many small
kernels can be recorded once, and replayed as CUDA graphs instead of launched one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import torch

import stylegan2
from backend.editing.feature_map import FeatureMap, texels_of
from stylegan2.feature_synthesis import FeatureSynthesis, WindowPlan
from stylegan2.windows import Box

WINDOWED = ("cpu", "mps")  # the devices that compute windows
ROUNDING = 1e-3  # texels: a place read and the box around it are computed in different ways

Maps = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

log = logging.getLogger(__name__)


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
        self._windowed = w_plus.device.type in WINDOWED
        self._maps: Maps | None = None

    @property
    def texel(self) -> float:
        """Its height in pixels of the image."""
        return self._image_size[0] / self._synthesis.map_size[0]

    def kept(self) -> FeatureSynthesis:
        """Return what computes the features that a mask keeps: those of the block before."""
        return self._synthesis.until(max(len(self._synthesis.blocks) - 1, 1))

    def whole(self, ws: torch.Tensor) -> FeatureMap:
        """Return all features of the moving w [1, moving, w_dim]; on a card they last until the next are asked for."""
        if self._windowed:
            return FeatureMap.whole(self._synthesis.features(ws), self._image_size)
        self._maps = self._maps or with_cuda_graphs(self._synthesis, ws)
        before, features = self._maps(ws)
        return FeatureMap.whole(features, self._image_size, before)

    def within(self, ws: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> FeatureMap:
        """Return the features of the moving w, at least those that are read between the given corners.

        Args:
            ws: [1, moving, w_dim].
            low: [N, 2], the least (x, y) of what is read around each handle, in pixels of the image.
            high: [N, 2], the greatest. Both are read by the processor, so they should be there.
        """
        plan = self._plan(low, high) if self._windowed else None
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


def with_cuda_graphs(synthesis: FeatureSynthesis, ws: torch.Tensor) -> Maps:
    """Return `synthesis.maps` with its gradient, recorded as CUDA graphs; as it is where that fails.

    Each call takes the memory of the one before, of which neither the maps nor a gradient are to be had any more. It
    lies in reference cycles: only Python's garbage collector gives it back.

    Args:
        synthesis: of the feature block.
        ws: [1, moving, w_dim], of the kind that it will be called with.
    """
    try:
        # what fails half-way would leave torch on a stream of its own
        with torch.enable_grad(), torch.cuda.stream(torch.cuda.current_stream()):
            given = ws.detach().clone().requires_grad_()
            return cast(Maps, torch.cuda.make_graphed_callables(synthesis.maps, (given,)))
    except (RuntimeError, AssertionError) as error:  # torch's own checks raise the latter
        log.warning("The drag's steps are not recorded as CUDA graphs: %s", error)
        return synthesis.maps
