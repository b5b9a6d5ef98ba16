"""The constants that belong to one model: its own, else the catalogue's, else the paper's scaled to the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import stylegan2
from backend.editing.fit import Fit
from backend.editing.settings import DragSettings, InversionSettings, TuningSettings, with_changes
from backend.errors import UserError
from stylegan2.encoder import Encoder
from stylegan2.latent_space import LatentSpace

PAPER_SIZE = 512
PAPER_R1, PAPER_R2 = 3.0, 12.0
# The paper's 2e-3 belongs to models whose W has a standard deviation of about 0.45 per coordinate.
STEP_PER_SPREAD = 0.0045
STOP = 0.5  # texels of the feature map: point tracking sees a handle about as far behind where it is
BLOCK_SHARE, LARGEST_BLOCK = 4, 256  # of the image's height; docs/architecture.md says why


@dataclasses.dataclass(frozen=True)
class Preset:
    """The settings a model starts with; those of a tuning are the same for all models."""

    drag: DragSettings
    inversion: InversionSettings
    tuning: TuningSettings = dataclasses.field(default_factory=TuningSettings)


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model in memory, what it is called, the constants measured or published for it, and its encoder if it has one.

    Model and encoder are on one device. What it makes pictures of is in the plural and in an artist's words; "" where
    nobody has said. In images of some models only so many rows in the middle show anything; some show faces only, all
    aligned as FFHQ's are.
    """

    name: str
    model: stylegan2.Model
    preset: Preset
    encoder: Encoder | None = None
    makes: str = ""
    usable_height: int | None = None
    aligned_faces: bool = False

    @property
    def band(self) -> int:
        """Rows of its images at the top, and as many at the bottom, that show nothing."""
        height = self.model.generator.image_size[0]
        return (height - min(self.usable_height or height, height)) // 2

    def misfit(self, what: str) -> str:
        """Say that this is the wrong model: two clauses without the full stop; `what` is "layer" or "picture"."""
        subject = f"This model makes {self.makes}" if self.makes else f"The model {self.name} makes other pictures"
        return f"{subject}; it cannot rebuild this {what} well"

    def require_fit(self, fit: Fit | None, what: str) -> None:
        """Raise UserError where the fit is poor, or not known; `what` is "layer" or "picture"."""
        if fit == "poor":
            raise UserError(f"{self.misfit(what)}, so nothing was dragged; choose a model of this kind of picture.")
        if fit is None:
            raise UserError(
                f"How well the model {self.name} shows this {what} is not known, so nothing was dragged; prepare the "
                f"model first, with `python -m backend models prepare {self.name}`."
            )


def preset_for(model: stylegan2.Model, published: Mapping[str, Any] | None = None) -> Preset:
    """Return the preset of `model`.

    What the model file says wins over what was published with it, and both over the defaults. Keys are the fields of
    DragSettings, and those of InversionSettings with `inversion_` before them.

    Raises UserError when a stored preset makes no sense.
    """
    stored = {**(published or {}), **model.metadata.preset}
    inversion_fields = {field.name for field in dataclasses.fields(InversionSettings)}
    drag_fields = {field.name for field in dataclasses.fields(DragSettings)}
    inversion, drag = {}, {}
    for key, value in stored.items():
        if key in drag_fields:
            drag[key] = value
        elif key.removeprefix("inversion_") in inversion_fields and key.startswith("inversion_"):
            inversion[key.removeprefix("inversion_")] = value
        else:
            raise UserError(f"The preset stored with the model {model.metadata.name!r} has an unknown key {key!r}.")
    try:
        settings = with_changes(default_drag_settings(model.generator), drag)
        if "r1" not in drag:
            settings = with_changes(settings, {"r1": _default_r1(model.generator, settings.feature_block)})
        return Preset(settings, with_changes(InversionSettings(), inversion))
    except UserError as error:
        raise UserError(f"The preset stored with the model {model.metadata.name!r} cannot be used. {error}") from None


def default_drag_settings(generator: stylegan2.Generator) -> DragSettings:
    """The paper's constants at the size of `generator`'s image, its step scaled by the spread of W.

    The radii never fall below 1.5 texels of the feature map (r1) and 4 pixels (r2): smaller patches hold no image.
    """
    height = generator.image_size[0]
    block = min(LARGEST_BLOCK, max(height // BLOCK_SHARE, 4))
    return DragSettings(
        step_size=STEP_PER_SPREAD * LatentSpace(generator).spread,
        r1=_default_r1(generator, block),
        r2=max(PAPER_R2 * height / PAPER_SIZE, 4.0),
        feature_block=block,
        stop_radius=STOP * height / block,
    )


def _default_r1(generator: stylegan2.Generator, feature_block: int) -> float:
    height = generator.image_size[0]
    return max(PAPER_R1 * height / PAPER_SIZE, 1.5 * height / feature_block)
