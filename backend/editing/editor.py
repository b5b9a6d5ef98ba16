"""One edit from image to result: opened here (found in W+, remembered), then dragged any number of times."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from backend.editing.cached_inversion import CodeStep, invert_once
from backend.editing.cached_tuning import remembered_weights, tune_once
from backend.editing.edit_state import EditState
from backend.editing.fit import Fit, Judge, worse
from backend.editing.open_edit import OpenEdit
from backend.editing.pivotal_tuning import TuningStep
from backend.editing.pixels import digest, to_model, to_pixels
from backend.editing.placement import Placement
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.region import LAYER, Box, Region, choose_region
from backend.editing.sampling import sample
from backend.editing.settings import EDITABLE, EXACT, InversionSettings, Likeness
from backend.editing.steps import Guess, InversionProgress
from backend.editing.subject import find_subject
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError


class Editor(OpenEdit):
    """Edits with one model.

    Call open, open_state or sample; then drag any number of times; then result:

        editor = Editor(open_model("critters"))
        editor.open(image)
        for step in editor.drag([Drag(handle=(120, 130), target=(150, 130))]):
            print(step.step, step.distances)
        result = editor.result()

    open_steps() and drag() are iterators of steps: to stop, stop iterating. A drag that is stopped leaves the edit as
    it is at that step; an inversion that is stopped leaves no edit.
    """

    def __init__(
        self, loaded: LoadedModel, device: str | torch.device = "cpu", cache: TensorCache | None = None
    ) -> None:
        """Prepare for edits.

        Args:
            loaded: what backend.models.open_model returned.
            device: where that model is.
            cache: where inversions by other editors are found; without it, only this editor's own.
        """
        super().__init__(loaded, device)
        self._cache = TensorCache() if cache is None else cache
        self._guess: tuple[tuple[str, Region], Guess] | None = None
        self._judge = Judge(self.model, loaded.encoder, self._cache) if loaded.encoder else None

    def find_subject(
        self, image: np.ndarray, drags: Sequence[Drag] = (), selected: Box | None = None, where: str = LAYER
    ) -> Region:
        """Choose the region of an image in which the model shows its subject best: find_subject() of subject.py."""
        size, loaded = self.generator.image_size, self.loaded
        return find_subject(self._judge, image, size, drags, selected, where, loaded.band, loaded.aligned_faces)

    def open(
        self,
        image: np.ndarray,
        region: Region | None = None,
        settings: InversionSettings | None = None,
        likeness: Likeness = EDITABLE,
    ) -> None:
        """Open an image: all of open_steps(), which see."""
        for _ in self.open_steps(image, region, settings, likeness):
            pass

    def open_steps(
        self,
        image: np.ndarray,
        region: Region | None = None,
        settings: InversionSettings | None = None,
        likeness: Likeness = EDITABLE,
    ) -> Iterator[InversionProgress]:
        """Invert a region of an image into W+; the edit is open once the iterator is exhausted.

        Args:
            image: uint8 [H, W, 4], the whole layer.
            region: the part that the model sees; where find_subject() finds it by default.
            settings: the model's preset by default.
            likeness: "exact" goes on with exact_steps().

        Yields:
            Every step, but only the last one when this image was inverted before.

        Raises:
            UserError: the region is fully transparent, or the image is too small.
        """
        self._close()
        region = region or self.find_subject(image)
        settings = settings or self.loaded.preset.inversion
        started = time.perf_counter()
        part = _opaque_part(region, image)
        step: CodeStep | None = None
        more = self.loaded.preset.tuning.steps if likeness == EXACT else 0
        for step in invert_once(self.loaded, part, region, settings, self._cache):
            place = Placement(step.region, image.shape[:2], step.region.crop(image))
            preview = self._preview(step.w_plus, place)
            yield InversionProgress(step.step, step.steps + more, step.psnr, preview, step.region)
        assert step is not None
        region, part = step.region, np.ascontiguousarray(step.region.crop(image))
        fit = self._fit(step.w_plus, image, region)
        state = self._new_state(digest(part), region, step.w_plus, step.psnr(), fit)
        self._begin(part, image.shape[:2], state, time.perf_counter() - started, step.w_plus)
        if likeness == EXACT:
            yield from self.exact_steps(step.steps)

    def exact_steps(self, done: int = 0) -> Iterator[InversionProgress]:
        """Tune the edit's own generator until it shows the image that the edit began with.

        The edit is open again once the iterator is exhausted.

        Args:
            done: steps before these, of the whole way to the open edit.

        Yields:
            Every step, but only the last one when this was done before, and none when the edit is exact already.
        """
        state = self._open_state
        if state.likeness == EXACT:
            return
        self._state, started, settings = None, time.perf_counter(), self.loaded.preset.tuning
        step: TuningStep | None = None
        for step in tune_once(self.model, state.start_w_plus, self._original, state.region, settings, self._cache):
            preview = functools.partial(_placed, self._place, step)
            yield InversionProgress.of_tuning(step, done, preview, state.region)
        assert step is not None
        assert step.tuned is not None
        self._state = dataclasses.replace(state, tuned=step.tuned, inversion_psnr=step.psnr)
        self.generator = self._state.tuned_generator(self.model.generator)
        self._inversion_seconds += time.perf_counter() - started

    def guess(self, image: np.ndarray, region: Region) -> Guess | None:
        """Look what the model's encoder makes of a region of an image, in a moment; the open edit stays.

        Args:
            image: uint8 [H, W, 4], the whole layer.
            region: the part that the model sees.

        Returns:
            None where the model has no encoder.

        Raises:
            UserError: as open_steps() does.
        """
        part = _opaque_part(region, image)
        if self._judge is None:
            return None
        key = (digest(part), region)
        if self._guess is None or self._guess[0] != key:
            target, weight = to_model(region.shrink(part), self.device)
            w_plus = self._judge.guess(target, weight)
            preview = self._preview(w_plus, Placement(region, image.shape[:2], part))
            self._guess = key, Guess(self._judge.fit(w_plus, target, weight), preview)
        return self._guess[1]

    def open_state(self, state: EditState, image: np.ndarray, original: np.ndarray | None = None) -> None:
        """Go on from a saved edit without an inversion.

        Args:
            state: the edit.
            image: uint8 [H, W, 4], the layer it was made on, or the one it made where state.on_result.
            original: uint8 [h, w, 4], with state.on_result, the region's pixels that the edit began with. They are
                moved by the whole motion since then; without them, or with others, the edit begins anew with `image`.

        Raises:
            UserError: as check_state() does.
        """
        state = self.check_state(state, image)
        state = dataclasses.replace(
            state, start_w_plus=state.start_w_plus.to(self.device), w_plus=state.w_plus.to(self.device)
        )
        part, shown = np.ascontiguousarray(state.region.crop(image)), state.start_w_plus
        if state.on_result:
            shown = state.w_plus
            known = original is not None and original.shape == part.shape and digest(original) == state.image_sha256
            if not known:
                state, original = state.restarted(digest(part)), None
        self._begin(part, image.shape[:2], state, 0.0, shown, original)

    def check_state(self, state: EditState, image: np.ndarray) -> EditState:
        """Check what open_state() would, and return the edit with the tuned weights that it only named.

        Raises:
            UserError: as EditState.check_image() does.
        """
        state = state.completed(lambda sha256: remembered_weights(self._cache, sha256))
        state.check_image(self.model, image)
        return state

    def sample(
        self, seed: int, truncation_psi: float = 0.7, label: int | None = None, look: int | None = None
    ) -> np.ndarray:
        """Open an image that the model generates.

        Args:
            seed: of the latent z.
            truncation_psi: 1 leaves the code where it is, 0 moves it to the mean of W.
            label: the class, from 0 on, for a model with classes.
            look: the seed of another image, whose look this one gets; None: its own.

        Returns:
            uint8 [h, w, 3], without bands that show nothing.

        Raises:
            UserError: the model has no such class.
        """
        w_plus = sample(self.model.generator, seed, truncation_psi, label, look)
        self._close()
        whole = to_pixels(self.image(w_plus))
        pixels = whole[self.loaded.band : len(whole) - self.loaded.band]
        height, width = pixels.shape[:2]
        opaque = np.full((height, width, 1), 255, np.uint8)
        image = np.concatenate([pixels, opaque], axis=2)
        region = choose_region((height, width), self.generator.image_size, band=self.loaded.band)
        state = self._new_state(digest(image), region, w_plus, None, "good")
        self._begin(image, (height, width), state, 0.0, w_plus)
        return pixels

    @property
    def fit(self) -> Fit | None:
        """How well the model shows the image that the open edit began with; None where nobody has looked."""
        return self._open_state.fit

    def _fit(self, w_plus: torch.Tensor, image: np.ndarray, region: Region) -> Fit | None:
        """What the end of an inversion says of the fit: never better than the guess does; None without a guess."""
        guess = self.guess(image, region)
        if guess is None or self._judge is None:
            return None
        target, weight = to_model(region.shrink(region.crop(image)), self.device)
        return worse(guess.fit, self._judge.fit(w_plus, target, weight))

    def _new_state(
        self, image_sha256: str, region: Region, w_plus: torch.Tensor, quality: float | None, fit: Fit | None
    ) -> EditState:
        codes = (w_plus, w_plus, w_plus)
        return EditState(
            self.loaded.name, self.model.sha256, image_sha256, region, *codes, inversion_psnr=quality, fit=fit
        )


def _opaque_part(region: Region, image: np.ndarray) -> np.ndarray:
    """The region's pixels, uint8 [h, w, 4]. Raises UserError when all of them are transparent."""
    part = np.ascontiguousarray(region.crop(image))
    if region.is_empty(part):
        raise UserError("The layer is fully transparent where the model looks; there is nothing to drag.")
    return part


def _placed(place: Placement, step: TuningStep) -> np.ndarray:
    """The image of a step of the tuning in the region's rectangle."""
    return to_pixels(place.image(step.image()))
