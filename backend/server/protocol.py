"""The protocol: drags and options as they come in, updates as they go out.

What comes in is taken strictly: a value of another type, a number that is not finite or an unknown key is
refused with one sentence. Points are (x, y) in pixels of the layer, (0, 0) = its top left corner.
"""

from __future__ import annotations

import base64
import zlib
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from backend.client.protocol import OTHER_VERSION, PROTOCOL
from backend.editing.points import Drag
from backend.editing.settings import EDITABLE, Likeness
from backend.errors import UserError
from backend.models import EMBEDDED

MOST_DRAGS = 128
MOST_SAMPLES = 64
MOST_STEPS = 10_000
FEWEST_FRAMES, MOST_FRAMES = 2, 240
LARGEST_PREVIEW = 512  # pixels, the longer side

Coordinate = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
NotNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]
Steps = Annotated[int, Field(strict=True, ge=0, le=MOST_STEPS)]
Count = Annotated[int, Field(strict=True, ge=1)]
Whole = Annotated[int, Field(strict=True, ge=0)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=4096)]
PointField = tuple[Coordinate, Coordinate]


class Incoming(BaseModel):
    """What a client sends; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Asked = TypeVar("Asked", bound=Incoming)


class DragField(Incoming):
    """One drag; handle == target without way-points is a pin."""

    handle: PointField
    target: PointField
    via: Annotated[list[PointField], Field(max_length=MOST_DRAGS)] = []


class Place(Incoming):
    """Where a drag would be.

    Attributes:
        layer_size: (width, height).
        selected: the box (x, y, width, height) around what is selected on the layer, or None.
    """

    layer_size: tuple[Count, Count]
    selected: tuple[Whole, Whole, Count, Count] | None


class Options(Incoming):
    """What the artist chose; None leaves it to the model's preset.

    Attributes:
        model: name or path; None takes that of the layer's edit, if it is one of those offered, else the embedded one.
        region: the whole layer, or the square around the selection.
        result: "patch" is a layer to lie above the original, to be seen through its mask; "whole" is one to stand in
            its place, with the mask already applied, which is needed where the original would be seen beside it.
        poor_fit: what to do where the model cannot show the image: end before the drag with an update of the phase
            "unfit" ("ask"), drag all the same, or refuse the drag.
        likeness: "exact" tunes the generator to the layer before the drag, which takes longer.
        live: the drag is steered meanwhile, and does not end by itself; it may begin with nothing to drag.
    """

    model: Text | None = None
    region: Literal["layer", "selection"] = "layer"
    result: Literal["patch", "whole"] = "patch"
    poor_fit: Literal["ask", "drag", "refuse"] = "drag"
    likeness: Likeness = EDITABLE
    live: Annotated[bool, Field(strict=True)] = False
    latent_space: Literal["W+", "W"] | None = None
    steps: Steps | None = None
    inversion_steps: Steps | None = None
    mask_weight: NotNegative | None = None
    step_size: Positive | None = None
    r1: Positive | None = None
    r2: Positive | None = None
    stop_radius: Positive | None = None
    layers: Count | None = None
    feature_block: Count | None = None

    def drag_changes(self) -> dict[str, Any]:
        """Return the fields of DragSettings that differ from the preset."""
        apart = {"model", "region", "result", "poor_fit", "likeness", "live", "steps", "inversion_steps"}
        changes = self.model_dump(exclude=apart)
        return {"max_steps": self.steps, **changes}


class SampleOptions(Incoming):
    """Which images of its own a model is to show.

    Attributes:
        model: name or path.
        seeds: one for each image.
        truncation_psi: low: near to the average; high: varied.
        label: the class, from 0 on, for a model with classes.
        look: the seed of the image whose look all of them get; None: each its own.
    """

    model: Text = EMBEDDED
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=MOST_SAMPLES)]
    truncation_psi: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=2)] = 0.7
    label: Whole | None = None
    look: Seed | None = None


class FrameOptions(Incoming):
    """How an edit's motion is to be taken.

    Attributes:
        model: name or path; None takes that of the edit, if it is one of those offered, else the embedded one.
        count: of the frames.
    """

    model: Text | None = None
    count: Annotated[int, Field(strict=True, ge=FEWEST_FRAMES, le=MOST_FRAMES)]


class Preview(BaseModel):
    """A small image: `pixels` is base64 of zlib of width * height * channels bytes, rows from the top.

    With three channels it shows the region as it is, with four (RGBA) what is to be laid over the layer there.
    """

    width: int
    height: int
    channels: int
    pixels: str

    @classmethod
    def of(cls, pixels: np.ndarray) -> Preview:
        """Pack `pixels`, uint8 [h, w, 3 or 4]; every n-th pixel of an image larger than a preview need be."""
        every = -(-max(pixels.shape[:2]) // LARGEST_PREVIEW)
        small = np.ascontiguousarray(pixels[::every, ::every])
        packed = base64.b64encode(zlib.compress(small.tobytes(), 1)).decode("ascii")
        return cls(width=small.shape[1], height=small.shape[0], channels=small.shape[2], pixels=packed)


class Result(BaseModel):
    """The result of a job, whose files hold all that has changed.

    Attributes:
        offset: (x, y) where they belong in the layer.
        report: what was done, in numbers.
        from_original: whether the pixels that were moved are those of the request's `original`, not of its image.
    """

    offset: tuple[int, int]
    report: dict[str, Any]
    from_original: bool = False


class Frames(BaseModel):
    """Motion frames, which lie below each other in the job's only file: the part of them in which anything changes.

    Attributes:
        count: of them.
        offset: (x, y) where they belong in the layer.
        from_original: whether they are made of the request's `original`, not of its image.
        place: (x, y) where they belong in the region of the edit, all of which `original` is.
    """

    count: int
    offset: tuple[int, int]
    from_original: bool
    place: tuple[int, int]


class Update(BaseModel):
    """How far a job is. Distances are in pixels of the layer.

    `better_model` is the name of another model, which shows the layer better where this one cannot. Of a live drag come
    the revision in force, the ids of its points, whether it moves now, and the newer revision that is refused.
    """

    phase: Literal["load", "invert", "unfit", "drag", "compose", "sample", "frames", "done"]
    step: int = 0
    steps: int = 0
    message: str = ""
    points: list[tuple[float, float]] = []
    targets: list[tuple[float, float]] = []
    distances: list[float] = []
    arrived: list[bool] = []
    region: tuple[int, int, int, int] | None = None
    preview: Preview | None = None
    better_model: str | None = None
    result: Result | None = None
    frames: Frames | None = None
    revision: int = 0
    ids: list[int] = []
    running: bool = True
    refused: int | None = None


_DRAGS = TypeAdapter(Annotated[list[DragField], Field(max_length=MOST_DRAGS)])


def check_protocol(value: object) -> None:
    """Check the protocol's number. Raises UserError."""
    if type(value) not in (int, float) or value != PROTOCOL:
        raise UserError(OTHER_VERSION)


def read_drags(value: object) -> list[Drag]:
    """Turn the request's drags (JSON) into the engine's. Raises UserError."""
    try:
        drags = _DRAGS.validate_python([] if value is None else value)
    except ValidationError as error:
        raise UserError(sentence(error, "drag")) from None
    return [Drag(drag.handle, drag.target, tuple(drag.via)) for drag in drags]


def read_options(value: object) -> Options:
    """Turn the request's options (JSON) into a record. Raises UserError."""
    return read(Options, {} if value is None else value)


def read_sample_options(value: object) -> SampleOptions:
    """Turn the request's options (JSON) into a record. Raises UserError."""
    return read(SampleOptions, value)


def read_frame_options(value: object) -> FrameOptions:
    """Turn the request's options (JSON) into a record. Raises UserError."""
    return read(FrameOptions, value)


def read_place(layer_size: object, selected: object) -> Place:
    """Check a layer's size and the box around its selection. Raises UserError."""
    return read(Place, {"layer_size": layer_size, "selected": selected})


def read(kind: type[Asked], value: object) -> Asked:
    """Turn what came in (JSON) into a record. Raises UserError with one sentence about what is wrong first."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise UserError(sentence(error, "option")) from None


def sentence(error: ValidationError, kind: str, within: str | None = None) -> str:
    """Return one sentence about the first thing that is wrong.

    Args:
        error: of the value that came in.
        kind: "drag" for a list of drags; else what one of its keys is called.
        within: the key under which there is a list of drags.
    """
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    location = first["loc"]
    if within is not None and location[:1] == (within,):
        kind, location = "drag", location[1:]
    where = _place(location, kind)
    if first["type"] == "extra_forbidden":
        return f"{where} is unknown to this backend; leave it out, or update both by running install.py."
    if first["type"] == "missing":
        number = kind == "drag" and location[-1] != "id"
        return f"{where} is missing; give it{' as two numbers, [x, y]' if number else ''}."
    problem = first["msg"].replace("Input should", "must").replace("should", "must")
    return f"{where} {problem[0].lower()}{problem[1:]}."


def _place(location: tuple[int | str, ...], kind: str) -> str:
    """`(0, 'handle', 1)` is 'The y of the handle of drag 1'; `('steps',)` is 'The option "steps"'."""
    if not location:
        return f"The list of {kind}s" if kind == "drag" else f"The {kind}s"
    if kind != "drag":
        return f'The {kind} "{location[0]}"'
    words = [f"drag {int(location[0]) + 1}"]
    for part in location[1:]:
        if isinstance(part, str):
            words.insert(0, f'"{part}"')
        elif words[0] == '"via"' and len(words) == 2:
            words.insert(0, f"point {part + 1}")
        else:
            words.insert(0, "xy"[part] if part < 2 else f"number {part + 1}")
    return "The " + " of ".join(words)
