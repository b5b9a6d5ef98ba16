"""The open edit: drag it (fast, any number of times), compose its result."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from backend.editing.change_preview import ChangePreview
from backend.editing.compositing import compose
from backend.editing.correspondence import EditImages
from backend.editing.drag_loop import LoopStep
from backend.editing.edit_state import EditState
from backend.editing.live_drag import LiveDrag, Steering
from backend.editing.pixels import to_pixels
from backend.editing.placement import Placement
from backend.editing.points import Drag, check_drags
from backend.editing.preset import LoadedModel
from backend.editing.region import Region
from backend.editing.report import DragRecord, edit_report
from backend.editing.settings import DragSettings
from backend.editing.steps import DragStep, EditResult
from backend.errors import UserError

PREVIEW_SIDE = 256  # pixels that a drag's previews have at least, where the model makes as many


class OpenEdit:
    """The edit that an Editor has open: what can be done with it once it is open."""

    def __init__(self, loaded: LoadedModel, device: str | torch.device) -> None:
        """Prepare for edits with a model that is on a device."""
        self.loaded, self.device = loaded, torch.device(device)
        self.model = loaded.model
        self.generator = self.model.generator
        self._state: EditState | None = None
        self._live: LiveDrag | None = None
        self._record: DragRecord | None = None
        self._change: ChangePreview | None = None

    def check(
        self,
        region: Region,
        drags: Sequence[Drag],
        mask: np.ndarray | None,
        settings: DragSettings,
        layer_size: tuple[int, int],
    ) -> None:
        """Check what drag() would, before the inversion.

        Args:
            region: the part of the layer that the model sees.
            drags: points in layer pixels.
            mask: uint8 [H, W] of the layer's size, 255 = may move.
            settings: of the drag.
            layer_size: (height, width).

        Raises:
            UserError: a point lies outside the region, the mask has another size, or the model can't do the settings.
        """
        region.check_inside(drags)
        if mask is not None:
            region.check_mask(mask, layer_size)
        settings.check_fits(self.generator.img_resolution)

    def drag(
        self, drags: Sequence[Drag], mask: np.ndarray | None = None, settings: DragSettings | None = None
    ) -> Iterator[DragStep]:
        """Move the handles to their targets; yields the start and then every step.

        Args:
            drags: points in layer pixels.
            mask: uint8 [H, W] of the layer's size, 255 = may move; everything may by default.
            settings: the model's preset by default.

        Raises:
            UserError: as check() does, or there is nothing to drag.
        """
        check_drags(drags)
        self.check(self.region, drags, mask, settings or self.loaded.preset.drag, self._layer_size)
        steering = Steering(drags=dict(enumerate(drags)), mask=mask)
        for step in self.live_drag(lambda: steering, settings):
            yield step
            if not step.running:
                return

    def live_drag(self, wanted: Callable[[], Steering], settings: DragSettings | None = None) -> Iterator[DragStep]:
        """Move the handles as is wanted before each step; yields the start and then every step, without end.

        What cannot be done is refused in each step until something else is wanted. A step that is not running is
        yielded again and again, for nothing: wait until then.

        Args:
            wanted: returns the newest that is wanted; of another revision than before where it is something else.
            settings: the model's preset by default.
        """
        state, settings = self._open_state, settings or self.loaded.preset.drag
        state = self._state = dataclasses.replace(state, path=self._path())
        live = self._live = self._new_drag(state, settings)
        newest, refused = -1, None
        while True:
            steering, begins = wanted(), newest < 0
            if steering.revision > newest:
                newest, refused = steering.revision, self._follow(live, steering)
            if not begins:
                live.advance()
            shown = live.shown()
            self._record = live.record()
            self._state = dataclasses.replace(state, w_plus=shown.w_plus)
            yield self._drag_step(live, shown, refused)

    def _new_drag(self, state: EditState, settings: DragSettings) -> LiveDrag:
        """A drag that begins where the edit is."""
        self._release_drag()
        return LiveDrag(self.generator, state.w_plus, state.path, state.region, settings)

    def _follow(self, live: LiveDrag, steering: Steering) -> tuple[int, str] | None:
        """Do what is wanted from now on; where it cannot be, return its revision and why."""
        drags = list(steering.drags.values())
        try:
            self.check(live.region, drags, steering.mask, live.settings, self._layer_size)
        except UserError as error:
            return steering.revision, str(error)
        self._mask = steering.mask
        live.follow(steering, self._model_mask(steering.mask))
        return None

    def _drag_step(self, live: LiveDrag, step: LoopStep, refused: tuple[int, str] | None) -> DragStep:
        """A step of the drag in layer pixels."""
        drags = live.steering.drags
        return DragStep(
            step=step.step,
            steps=step.last_step,
            points=live.region.to_layer(step.points),
            targets=np.array([drag.target for drag in drags.values()]).reshape(-1, 2),
            distances=step.distances * np.mean(live.region.scale),
            arrived=step.arrived,
            pins=np.array([drag.is_pin for drag in drags.values()], bool),
            stuck=step.stuck,
            running=not live.rests,
            revision=live.steering.revision,
            ids=tuple(drags),
            refused=refused,
            preview=lambda: self._draft(step.w_plus),
            change=lambda: self._change_preview().of(self._draft(step.w_plus), self._mask),
        )

    def _path(self) -> torch.Tensor:
        """The way that the edit has gone to where it is."""
        return self._open_state.path if self._live is None else self._live.path()

    def result(self) -> EditResult:
        """Compose the layer of the edit as it is now."""
        state = self.state
        region = state.region
        layer, changed = compose(
            self._layer,
            self._original,
            self._images(state),
            self.image(self._shown)[0],
            None if self._mask is None else region.crop(self._mask),
            region,
            self._layer_size,
        )
        report = edit_report(self.loaded, self.device, state, self._inversion_seconds, self._record)
        return EditResult(self._layer, layer, changed, (region.x, region.y), state, report)

    @property
    def state(self) -> EditState:
        """The edit as it is now, between two steps, to go on from with the image that it began with."""
        return dataclasses.replace(self._open_state, path=self._path())

    @property
    def has_moved(self) -> bool:
        """Whether the edit is elsewhere than where it was opened."""
        return not torch.equal(self._open_state.w_plus, self._shown)

    @property
    def region(self) -> Region:
        """What the model sees of the layer in the open edit."""
        return self._open_state.region

    @torch.no_grad()
    def image(self, w_plus: torch.Tensor) -> torch.Tensor:
        """Synthesise a code with the edit's generator: [1, 3, h, w], unclamped."""
        return self.generator.synthesis(w_plus, noise_mode="const")

    @property
    def _open_state(self) -> EditState:
        if self._state is None:
            raise RuntimeError("open(), open_state() or sample() has to be called, and run to its end, first")
        return self._state

    def _close(self) -> None:
        """Leave the open edit, and with it the generator that was tuned for it."""
        self._state, self.generator = None, self.model.generator
        self._release_drag()

    def _release_drag(self) -> None:
        """Leave the last drag, and give back what it had of the device."""
        self._live = None
        if self.device.type == "cuda":
            gc.collect()  # the memory of torch's CUDA graphs lies in reference cycles

    @torch.no_grad()
    def _draft(self, w_plus: torch.Tensor) -> np.ndarray:
        """What a code shows, in place, in no more pixels than a window shows: uint8 [h, w, 3]."""
        return to_pixels(self._place.image(self.generator.synthesis.draft(w_plus, PREVIEW_SIDE)))

    def _change_preview(self) -> ChangePreview:
        """What compares the model's pictures with that of the layer; made when it is first wanted."""
        if self._change is None:
            self._change = ChangePreview(self._draft(self._shown), self._layer, self.region)
        return self._change

    def _preview(self, w_plus: torch.Tensor, place: Placement | None = None) -> Callable[[], np.ndarray]:
        return lambda: to_pixels(place.image(self.image(w_plus)) if place else self.image(w_plus))

    def _begin(
        self,
        part: np.ndarray,
        layer_size: tuple[int, int],
        state: EditState,
        seconds: float,
        shown: torch.Tensor,
        original: np.ndarray | None = None,
    ) -> None:
        """Make `state` the open edit.

        Args:
            part: uint8 [h, w, 4], the region's pixels.
            layer_size: (height, width).
            state: the edit.
            seconds: that the inversion took.
            shown: [1, num_ws, w_dim], the code of `part`.
            original: uint8 [h, w, 4], the pixels that the state's start shows; `part` by default.
        """
        # The generator belongs to the edit: tuned weights must never reach the model or another edit.
        self.generator = state.tuned_generator(self.model.generator)
        self._layer, self._layer_size, self._shown = part, layer_size, shown
        self._place = Placement(state.region, layer_size, part)
        self._original = part if original is None else original
        self._state, self._mask = state, None
        self._live, self._record, self._change = None, None, None
        self._inversion_seconds = seconds

    def _images(self, state: EditState) -> EditImages:
        block = self.loaded.preset.drag.feature_block
        return EditImages.along(self.generator, state.start_w_plus, state.w_plus, block)

    def _model_mask(self, mask: np.ndarray | None) -> torch.Tensor | None:
        if mask is None:
            return None
        region = self._open_state.region
        small = region.shrink_mask(region.crop(mask))
        return torch.from_numpy(small.astype(np.float32) / 255).to(self.device)
