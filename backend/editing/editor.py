"""One edit from picture to result: open (slow, remembered), drag (fast, as often as wanted), result."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

import stylegan2
from backend.editing.compositing import compose
from backend.editing.correspondence import EditImages
from backend.editing.drag_loop import DragLoop, LoopStep
from backend.editing.edit_state import CodePath, EditState
from backend.editing.inversion import invert, total_steps
from backend.editing.inversion_cache import Inversion, InversionCache
from backend.editing.pixels import digest, to_model, to_pixels
from backend.editing.points import Drag, check_drags
from backend.editing.preset import LoadedModel
from backend.editing.region import Region
from backend.editing.report import DragRecord
from backend.editing.settings import DragSettings, InversionSettings
from backend.editing.steps import DragStep, EditResult, InversionProgress
from backend.errors import UserError


class Editor:
    """Edits with one model.

    Order of calls: open, open_state or sample; then drag any number of times; then result.  open() and drag() are
    iterators of steps: to stop, stop iterating. A drag that is stopped leaves the edit as it is at that step.
    """

    def __init__(
        self, loaded: LoadedModel, device: str | torch.device = "cpu", inversions: InversionCache | None = None
    ) -> None:
        """inversions: where those of earlier editors are found; without it, only this editor's own."""
        self.loaded, self.device = loaded, torch.device(device)
        self.model = loaded.model
        self.generator = self.model.generator
        self._inversions = InversionCache() if inversions is None else inversions
        self._state: EditState | None = None
        self._record: DragRecord | None = None

    # -- opening ----------------------------------------------------------------------------------------------

    def open(
        self, image: np.ndarray, region: Region, settings: InversionSettings | None = None
    ) -> Iterator[InversionProgress]:
        """Invert the region of `image` (uint8 [H, W, 4], the whole layer) into W+.

        Yields every step; nothing but the last one when this picture was inverted before. The edit is open once
        the iterator is exhausted. Raises UserError when the region is empty (fully transparent).
        """
        settings = settings or self.loaded.preset.inversion
        started = time.perf_counter()
        part = np.ascontiguousarray(region.crop(image))
        if not part[..., 3].any():
            raise UserError("The layer is fully transparent where the model looks; there is nothing to drag.")
        picture_sha256 = digest(part)
        key = (self.model.sha256, picture_sha256, region, settings)
        known = self._inversions.get(*key)
        if known is not None and known.w_plus.shape[1:] == (self.model.generator.num_ws, self.model.generator.w_dim):
            w_plus, quality = known.w_plus.to(self.device), known.psnr
            yield self._progress(total_steps(settings), settings, w_plus, lambda: quality)
        else:
            picture, weight = to_model(region.shrink(part), self.device)
            step = None
            for step in invert(self.model, picture, weight, settings):
                yield self._progress(step.step, settings, step.w_plus, lambda step=step: step.psnr)
            assert step is not None
            w_plus, quality = step.w_plus, step.psnr
            self._inversions.put(Inversion(w_plus, quality), *key)
        state = self._new_state(picture_sha256, region, w_plus, quality)
        self._begin(part, image.shape[:2], state, time.perf_counter() - started, w_plus)

    def open_state(self, state: EditState, image: np.ndarray, original: np.ndarray | None = None) -> None:
        """Go on from a saved edit without an inversion.

        Args:
            state: the edit.
            image: uint8 [H, W, 4], the layer it was made on, or, of an edit that was carried over, the one it made.
            original: uint8 [h, w, 4], of a carried edit the region's pixels that it began with. They are moved by
                the whole motion since then; without them, or with others, the edit begins anew with `image`.

        Raises what check_state does.
        """
        self.check_state(state, image)
        state = dataclasses.replace(
            state, start_w_plus=state.start_w_plus.to(self.device), w_plus=state.w_plus.to(self.device)
        )
        part, shown = np.ascontiguousarray(state.region.crop(image)), state.start_w_plus
        if state.carried:
            shown = state.w_plus
            known = original is not None and original.shape == part.shape and digest(original) == state.picture_sha256
            if not known:
                state, original = state.restarted(digest(part)), None
        self._begin(part, image.shape[:2], state, 0.0, shown, original)

    def check_state(self, state: EditState, image: np.ndarray) -> None:
        """Raise UserError when an edit belongs to another model or another picture (uint8 [H, W, 4]).

        Of its picture, an edit that was carried over knows no more than the size.
        """
        if state.model_sha256 != self.model.sha256:
            raise UserError(
                f"The edit was made with the model {state.model_name!r}; choose that model to go on from it."
            )
        codes = (self.model.generator.num_ws, self.model.generator.w_dim)
        part = state.region.crop(image)
        fits = part.shape[:2] == (state.region.height, state.region.width) and state.start_w_plus.shape[1:] == codes
        fits = fits and state.region.model_size == self.model.generator.image_size
        if not fits or (not state.carried and state.picture_sha256 != digest(part)):
            raise UserError("The edit was made on another picture; give that picture, or start without the edit.")

    def sample(self, seed: int, truncation_psi: float = 0.7, label: int | None = None) -> np.ndarray:
        """Open a picture of the model's own: z from `seed`, truncated.  Returns it, uint8 [h, w, 3].

        label: the class of the picture, from 0 on, for a model with classes.  Raises UserError when it does not fit.
        """
        one_hot = self._one_hot(label)
        z = torch.randn(1, self.generator.z_dim, generator=torch.Generator().manual_seed(seed)).to(self.device)
        with torch.no_grad():
            w_plus = self.generator.mapping(z, one_hot, truncation_psi=truncation_psi)
        pixels = to_pixels(self.image(w_plus))
        height, width = pixels.shape[:2]
        opaque = np.full((height, width, 1), 255, np.uint8)
        picture = np.concatenate([pixels, opaque], axis=2)
        region = Region(0, 0, width, height, (height, width))
        self._begin(picture, (height, width), self._new_state(digest(picture), region, w_plus, None), 0.0, w_plus)
        return pixels

    def check(
        self,
        region: Region,
        drags: Sequence[Drag],
        mask: np.ndarray | None,
        settings: DragSettings,
        layer_size: tuple[int, int],
    ) -> None:
        """What drag() will check of a layer of `layer_size` (height, width), to be asked before the inversion.

        Raises UserError for points outside the region, a mask of another size or settings the model can't do.
        """
        check_drags(drags)
        region.check_inside(drags)
        if mask is not None:
            region.check_mask(mask, layer_size)
        settings.check_fits(self.generator.img_resolution)

    # -- dragging ---------------------------------------------------------------------------------------------

    def drag(
        self, drags: Sequence[Drag], mask: np.ndarray | None = None, settings: DragSettings | None = None
    ) -> Iterator[DragStep]:
        """Move the handles to their targets; yields the start and then every step.

        drags: points in layer pixels.  mask: uint8 [H, W] of the layer's size, 255 = may move, or None.
        Raises UserError for points outside the region, a mask of another size or settings the model can't do.
        """
        state, settings = self._open_state, settings or self.loaded.preset.drag
        self.check(state.region, drags, mask, settings, self._layer_size)
        self._mask, region = mask, state.region
        started = time.perf_counter()
        loop = DragLoop(
            self.generator,
            state.w_plus,
            region.to_model(np.array([drag.handle for drag in drags])),
            [region.to_model(np.array(drag.goals)) for drag in drags],
            self._model_mask(mask),
            settings,
        )
        targets, scale = np.array([drag.target for drag in drags]), np.mean(region.scale)
        first: LoopStep | None = None
        for step in loop:
            first = first or step
            self._path.add(step.w_plus)
            self._record = DragRecord(drags, first, step, settings, time.perf_counter() - started)
            points = region.to_layer(step.points)
            self._state = dataclasses.replace(
                state,
                w_plus=step.w_plus,
                drags=tuple(drags),
                points=tuple((float(x), float(y)) for x, y in points),
                settings=settings,
            )
            yield DragStep(
                step.step,
                settings.max_steps,
                points,
                targets,
                step.distances * scale,
                step.arrived,
                step.stuck,
                self._preview(step.w_plus),
            )

    def result(self) -> EditResult:
        """The edit as it is now: layer pixels of the region, changed area, state and report."""
        state = dataclasses.replace(self._open_state, path=self._path.codes())
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
        return EditResult(self._layer, layer, changed, (region.x, region.y), state, self._report(state))

    @torch.no_grad()
    def image(self, w_plus: torch.Tensor) -> torch.Tensor:
        """[1, 3, h, w], unclamped: what the edit's generator makes of a code."""
        return self.generator.synthesis(w_plus, noise_mode="const")

    # -- inside -----------------------------------------------------------------------------------------------

    @property
    def _open_state(self) -> EditState:
        if self._state is None:
            raise RuntimeError("open(), open_state() or sample() has to be called, and run to its end, first")
        return self._state

    def _one_hot(self, label: int | None) -> torch.Tensor | None:
        """The class `label` as [1, c_dim], None for a model without classes."""
        count = self.generator.c_dim
        if not count:
            if label is not None:
                raise UserError(f"The model {self.loaded.name!r} has no classes; leave the class out.")
            return None
        if label is None or not 0 <= label < count:
            raise UserError(f"The model {self.loaded.name!r} has {count} classes; choose one from 0 to {count - 1}.")
        return F.one_hot(torch.tensor([label], device=self.device), count)

    def _preview(self, w_plus: torch.Tensor) -> Callable[[], np.ndarray]:
        return lambda: to_pixels(self.image(w_plus))

    def _progress(
        self, step: int, settings: InversionSettings, w_plus: torch.Tensor, quality: Callable[[], float]
    ) -> InversionProgress:
        return InversionProgress(step, total_steps(settings), quality, self._preview(w_plus))

    def _report(self, state: EditState) -> dict[str, object]:
        region, preset = state.region, self.loaded.preset
        return {
            "model": {
                "name": self.loaded.name,
                "sha256": self.model.sha256,
                "image_size": list(self.generator.image_size),
            },
            "preset": {"drag": dataclasses.asdict(preset.drag), "inversion": dataclasses.asdict(preset.inversion)},
            "device": str(self.device),
            "region": [region.x, region.y, region.width, region.height],
            "inversion": {"psnr": state.inversion_psnr, "seconds": round(self._inversion_seconds, 3)},
            **(self._record.report(region) if self._record else {}),
        }

    def _begin(
        self,
        part: np.ndarray,
        layer_size: tuple[int, int],
        state: EditState,
        seconds: float,
        shown: torch.Tensor,
        original: np.ndarray | None = None,
    ) -> None:
        """Go on with `state`, of the region's `part` (uint8 [h, w, 4]) of a layer of that size (height, width).

        shown: the code of `part`.  original: the pixels of the state's start, `part` itself without.
        """
        # The generator belongs to the edit: tuned weights must never reach the model or another edit.
        self.generator = self._tuned(state.tuned) if state.tuned else self.model.generator
        self._layer, self._layer_size, self._shown = part, layer_size, shown
        self._original = part if original is None else original
        self._state, self._mask = state, None
        self._path, self._record = CodePath(state.path), None
        self._inversion_seconds = seconds

    def _images(self, state: EditState) -> EditImages:
        block = self.loaded.preset.drag.feature_block
        return EditImages.along(self.generator, state.start_w_plus, state.w_plus, block)

    def _tuned(self, weights: Mapping[str, torch.Tensor]) -> stylegan2.Generator:
        generator = copy.deepcopy(self.model.generator)
        try:
            generator.load_state_dict(dict(weights), strict=False)
        except RuntimeError as error:
            raise UserError("The edit holds weights that do not fit its model; start without the edit.") from error
        return generator

    def _new_state(self, picture_sha256: str, region: Region, w_plus: torch.Tensor, quality: float | None) -> EditState:
        return EditState(
            self.loaded.name, self.model.sha256, picture_sha256, region, w_plus, w_plus, w_plus, inversion_psnr=quality
        )

    def _model_mask(self, mask: np.ndarray | None) -> torch.Tensor | None:
        if mask is None:
            return None
        region = self._open_state.region
        small = region.shrink_mask(region.crop(mask))
        return torch.from_numpy(small.astype(np.float32) / 255).to(self.device)
