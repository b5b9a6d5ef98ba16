"""The settings of an inversion, of a tuning and of a drag: small records, validated when they are made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from backend.errors import UserError

W_PLUS, W = "W+", "W"
Likeness = Literal["editable", "exact"]
"""How like the image an edit begins: as the model can show it, or with a generator that was tuned to it."""
EDITABLE: Likeness = "editable"
EXACT: Likeness = "exact"

Number = Annotated[float, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]


@dataclasses.dataclass(frozen=True)
class DragSettings:
    """The constants of one drag, named as in the paper (section 3.2); lengths are pixels of the model's image.

    Attributes:
        step_size: the paper's, in units of W; a step of the loop is as long as it takes, but at most a few of these.
        r1: radius of the patch around a handle that motion supervision moves, at least one texel.
        r2: half side of the square in which point tracking looks for a handle.
        feature_block: resolution of the synthesis block whose output is the feature map.
        mask_weight: lambda, the weight of the mask loss (Eq. 1).
        layers: how many of the first W+ layers are optimised; the others keep the look.
        latent_space: "W" moves all of these layers together, "W+" each a little by itself besides.
        stop_radius: a handle this near to its target has arrived; None is the paper's rule (1, or 2 for more than 5).
        max_steps: the drag ends here, arrived or not.
    """

    step_size: Number
    r1: Number
    r2: Number
    feature_block: Whole
    mask_weight: Number = 20.0
    layers: Whole = 6
    latent_space: str = W_PLUS
    stop_radius: Number | None = None
    max_steps: Whole = 300

    def __post_init__(self) -> None:
        _positive("step size", self.step_size)
        _positive("r1", self.r1)
        _positive("r2", self.r2)
        _positive("number of layers", self.layers)
        if not (math.isfinite(self.mask_weight) and self.mask_weight >= 0):
            raise UserError(f"The mask weight must be 0 or more, not {self.mask_weight:g}.")
        if self.stop_radius is not None:
            _positive("stop radius", self.stop_radius)
        if self.max_steps < 0:
            raise UserError(f"The number of steps must be 0 or more, not {self.max_steps}.")
        if self.latent_space not in (W_PLUS, W):
            raise UserError(f"The latent space must be W+ or W, not {self.latent_space!r}.")
        if self.feature_block < 4 or self.feature_block & (self.feature_block - 1):
            raise UserError(f"The feature block must be a power of two from 4 up, not {self.feature_block}.")

    def stop_radius_for(self, points: int) -> float:
        """Return the pixels within which a handle has arrived (section 3.2: 1 for up to 5 points, else 2)."""
        if self.stop_radius is not None:
            return self.stop_radius
        return 1.0 if points <= 5 else 2.0

    def check_fits(self, img_resolution: int) -> None:
        """Raise UserError when a model of `img_resolution` (the longer side of its image) has no such feature block.

        The last block is left out: its features are the look of single pixels.
        """
        if self.feature_block > img_resolution // 2:
            raise UserError(
                f"The feature block {self.feature_block} is too large for this model; "
                f"choose {img_resolution // 2} or less."
            )


@dataclasses.dataclass(frozen=True)
class InversionSettings:
    """The constants of one inversion.

    Attributes:
        steps: at most, first on drafts, then on whole images; where there is no encoder, or where it fails, a search
            in proportion comes before. 0 keeps what the encoder predicts, or the nearest initial candidate.
        step_size: Adam's first step, in deviations of W.
        mean_weight: pull of every layer towards the mean of W, measured in the model's own spread.
    """

    steps: Whole = 100
    step_size: Number = 0.2
    mean_weight: Number = 0.002

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise UserError(f"The number of inversion steps must be 0 or more, not {self.steps}.")
        _positive("step size of the inversion", self.step_size)


@dataclasses.dataclass(frozen=True)
class TuningSettings:
    """The constants of one tuning. Weights of every StyleGAN2 have unit variance: no model needs others.

    Attributes:
        steps: Adam steps at most.
        step_size: Adam's first step.
        locality_weight: of the loss that keeps the generator's other images as they are.
    """

    steps: Whole = 60
    step_size: Number = 0.004
    locality_weight: Number = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"The number of tuning steps must be 1 or more, not {self.steps}.")
        _positive("step size of the tuning", self.step_size)


Settings = TypeVar("Settings", DragSettings, InversionSettings)


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return `settings` with those fields changed whose value in `changes` is not None.

    Raises UserError for a value that makes no sense.
    """
    changed = {key: value for key, value in changes.items() if value is not None}
    return read_settings(type(settings), {**dataclasses.asdict(settings), **changed})


def read_settings(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Make settings of what a file or a request holds.

    Raises UserError when a value is of another type or makes no sense, or a name is unknown or missing.
    """
    unknown = values.keys() - {field.name for field in dataclasses.fields(kind)}
    if unknown:
        raise UserError(f"There is no setting {min(unknown)!r}.")
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if isinstance(refused := first.get("ctx", {}).get("error"), UserError):  # one of ours, by __post_init__
            raise refused from None
        name = ".".join(str(part) for part in first["loc"])
        raise UserError(f"The setting {name} is not usable: {first['msg']}.") from None


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise UserError(f"The {name} must be more than 0, not {value:g}.")
