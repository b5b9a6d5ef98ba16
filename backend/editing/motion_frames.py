"""The way from the start of an edit to its end as images of the layer: motion frames.

Each is composed like a result: the layer's own pixels, moved as far as the code has gone until then. Where the image
that the edit began with is gone, the result's own pixels are moved back instead.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch

from backend.editing.code_path import code_at
from backend.editing.compositing import compose
from backend.editing.correspondence import EditImages
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.layers import composite_over
from backend.editing.pixels import digest, to_model
from backend.errors import UserError

MISFIT = 6.0  # dB that the picture may be farther from its code than the inverted one was: then it is another one
SAMPLE_PSNR = 30.0  # dB, what a picture reaches that the model itself made


@dataclasses.dataclass(frozen=True)
class MotionFrame:
    """One image of the way.

    Attributes:
        step: of `steps`, from 1 on; the first shows the start of the edit, the last its end.
        pixels: uint8 [h, w, 4], the region of the layer.
    """

    step: int
    steps: int
    pixels: np.ndarray


class Motion:
    """The way of an edit, open to make frames of it.

    Attributes:
        region: the part of the layer that frames show.
        anchor: uint8 [h, w, 4], its pixels which are moved.
        from_original: whether these are the ones that the edit began with.
    """

    def __init__(self, editor: Editor, state: EditState, image: np.ndarray, original: np.ndarray | None = None) -> None:
        """Open an edit with an editor of its model.

        Args:
            editor: has the edit's model; what it has open itself stays open.
            state: the edit.
            image: uint8 [H, W, 4], the layer that the edit began with, or its result.
            original: uint8 [h, w, 4], the region's pixels that the edit began with; without them, those of `image`
                are moved.

        Raises:
            UserError: the edit has not moved anything, or does not fit the model or the image.
        """
        if len(state.path) < 2 or torch.equal(state.start_w_plus.cpu(), state.w_plus.cpu()):
            raise UserError("Nothing has been dragged there yet, so there is no motion to take; drag it first.")
        state = editor.check_state(dataclasses.replace(state, on_result=True), image)
        part = np.ascontiguousarray(state.region.crop(image))
        if original is None or digest(original) != state.image_sha256:
            original = None
        self.from_original = original is not None or digest(part) == state.image_sha256
        self.anchor = part if original is None else original
        self.region, self._state, self._layer_size = state.region, state, image.shape[:2]
        self._generator, self._device = state.tuned_generator(editor.model.generator), editor.device
        self._block = editor.loaded.preset.drag.feature_block

    def check_picture(self) -> None:
        """Check that a picture which the edit did not begin with is its result. Raises UserError for another one."""
        if self.from_original:
            return
        target, weight = to_model(self.region.shrink(self.anchor), self._device)
        shown = self._image(self._state.w_plus.to(self._device))
        error = ((shown - target).square() * weight).sum() / (3 * weight.sum()).clamp(min=1)
        psnr = 10 * torch.log10(4 / error.clamp(min=1e-9)).item()
        known = self._state.inversion_psnr
        if psnr < (SAMPLE_PSNR if known is None else known) - MISFIT:
            raise UserError("The edit was made on another picture; give the one that it began with, or its result.")

    def frames(self, count: int, mask: np.ndarray | None = None) -> Iterator[MotionFrame]:
        """Compose images at evenly spaced places of the way, one after the other: stop iterating to stop.

        Args:
            count: of them, 2 or more.
            mask: uint8 [H, W] of the layer's size, 255 = may move; everything may by default.

        Raises:
            UserError: the mask has another size.
        """
        if mask is not None:
            self.region.check_mask(mask, self._layer_size)
            mask = self.region.crop(mask)
        for step in range(1, count + 1):
            yield MotionFrame(step, count, self._composed((step - 1) / (count - 1), mask))

    @torch.no_grad()
    def _composed(self, fraction: float, mask: np.ndarray | None) -> np.ndarray:
        state, anchor = self._state, self.anchor
        if fraction == (0.0 if self.from_original else 1.0):
            return anchor
        begin = (state.start_w_plus if self.from_original else state.w_plus).to(self._device)
        now = code_at(state.path, fraction).to(self._device)
        images = EditImages.along(self._generator, begin, now, self._block)
        layer, changed = compose(anchor, anchor, images, images.image(0.0), mask, self.region, self._layer_size)
        return composite_over(anchor, layer, changed, (0, 0))

    @torch.no_grad()
    def _image(self, w_plus: torch.Tensor) -> torch.Tensor:
        return self._generator.synthesis(w_plus, noise_mode="const").clamp(-1, 1)
