"""The progress of a job as the backend sends it, and at last its result, as typed records."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.client.png import Pixels

Points = tuple[tuple[float, float], ...]
Box = tuple[int, int, int, int]  # x, y, width, height
Fetch = Callable[[Mapping[str, Any]], Path]
POOR_FIT = "The model cannot rebuild this layer well: what was dragged may not look as it should."


@dataclass(frozen=True)
class Result:
    """What a job made.

    Attributes:
        layer: a PNG file, RGBA: all that has changed of the artist's layer.
        mask: a grey PNG file of the same size, white where it has changed.
        edit: the edit state, which the next drag on the result goes on from.
        offset: (x, y) of layer and mask inside the artist's layer.
        report: what was done, in numbers.
        region: (x, y, width, height) of what the model saw of the artist's layer; None for a sample.
        finished_early: whether the artist ended the drag before its last step.
        from_original: whether the pixels that were moved are those of the request's `original`.
    """

    layer: Path
    mask: Path
    edit: Path
    offset: tuple[int, int]
    report: Mapping[str, Any]
    region: Box | None = None
    finished_early: bool = False
    from_original: bool = False

    def remarks(self) -> list[str]:
        """Say what is not well: the fit, and each point short of its target, unless the artist ended the drag."""
        unfit = [POOR_FIT] if self.report.get("fit") == "poor" else []
        if self.finished_early:
            return unfit
        points = enumerate(self.report.get("points") or (), start=1)
        late = [(number, point.get("why_not")) for number, point in points if not point.get("arrived", True)]
        short = [f"Point {number} did not reach its target: {why or 'the drag ended before'}." for number, why in late]
        return [*unfit, *short]


@dataclass(frozen=True)
class Frames:
    """What a job made of an edit's motion.

    Attributes:
        file: a PNG file, RGBA, with the frames below each other: the part of them in which anything changes.
        count: of them.
        offset: (x, y) of that part inside the layer that carries the edit.
        from_original: whether they are made of the request's `original`, not of its layer.
        place: (x, y) of that part inside the request's `original`.
    """

    file: Path
    count: int
    offset: tuple[int, int]
    from_original: bool
    place: tuple[int, int]


@dataclass(frozen=True)
class Unfit:
    """The answer to a drag that asks first: the model cannot show the layer, and nothing has moved.

    Attributes:
        sentence: says so.
        picture: RGB, what the model makes of the layer.
        region: (x, y, width, height) of what that shows of the layer.
        better_model: the name of another model, which can show it; the sentence says so, too.
    """

    sentence: str
    picture: Pixels
    region: Box
    better_model: str | None = None


@dataclass(frozen=True)
class Update:
    """How far a job is. Points are in pixels of the layer; `region` is the part of it that `preview` shows.

    Of a live drag also, whose `preview` has an alpha: it is to be laid over the layer as it was:

    Attributes:
        revision: what is in force of what was wanted.
        ids: of the drags that `points` and `targets` belong to.
        running: whether it moves now; False while it rests.
        refused: the newer revision that could not be followed, as `message` says; then `revision` stays in force.
    """

    phase: str
    step: int
    steps: int
    message: str
    points: Points = ()
    targets: Points = ()
    region: Box | None = None
    preview: Pixels | None = None
    better_model: str | None = None
    result: Result | None = None
    frames: Frames | None = None
    revision: int = 0
    ids: tuple[int, ...] = ()
    running: bool = True
    refused: int | None = None

    @property
    def fraction(self) -> float | None:
        """How much of the phase is done, 0 to 1, or None when nobody knows."""
        return min(1.0, self.step / self.steps) if self.steps > 0 else None

    @classmethod
    def from_output(cls, output: Sequence[Any], fetch: Fetch) -> Update:
        """Read one output of a job, and fetch its files.

        Args:
            output: (update, layer, mask, edit): a JSON object, then three gradio FileData or None.
            fetch: copies one of these files here.

        Raises:
            KeyError, TypeError, ValueError, zlib.error: the output has another shape. Also what `fetch` raises.
        """
        update, *files = output
        if not isinstance(update, Mapping):
            raise TypeError(f"an update is an object, not {update!r}")
        box = update.get("region")
        region = (int(box[0]), int(box[1]), int(box[2]), int(box[3])) if box else None
        return cls(
            phase=str(update["phase"]),
            step=int(update["step"]),
            steps=int(update["steps"]),
            message=str(update["message"]),
            points=_points(update.get("points")),
            targets=_points(update.get("targets")),
            region=region,
            preview=_preview(update.get("preview")),
            better_model=update.get("better_model"),
            result=_result(update.get("result"), files, region, fetch),
            frames=_frames(update.get("frames"), files[0], fetch),
            revision=int(update.get("revision") or 0),
            ids=tuple(int(one) for one in update.get("ids") or ()),
            running=update.get("running") is not False,
            refused=update.get("refused"),
        )


def _points(pairs: Sequence[Sequence[float]] | None) -> Points:
    return tuple((float(x), float(y)) for x, y in pairs or ())


def _preview(preview: Mapping[str, Any] | None) -> Pixels | None:
    if not preview:
        return None
    width, height, channels = (int(preview[name]) for name in ("width", "height", "channels"))
    return Pixels(width, height, channels, zlib.decompress(base64.b64decode(preview["pixels"])))


def _result(
    result: Mapping[str, Any] | None, files: Sequence[Mapping[str, Any] | None], region: Box | None, fetch: Fetch
) -> Result | None:
    layer, mask, edit = files
    if not result or not layer or not mask or not edit:
        return None
    edit, layer, mask = fetch(edit), fetch(layer), fetch(mask)
    x, y = result["offset"]
    from_original = result.get("from_original") is True
    return Result(layer, mask, edit, (int(x), int(y)), result.get("report") or {}, region, from_original=from_original)


def _frames(frames: Mapping[str, Any] | None, file: Mapping[str, Any] | None, fetch: Fetch) -> Frames | None:
    if not frames or not file:
        return None
    (left, top), (x, y) = frames["offset"], frames["place"]
    from_original = frames["from_original"] is True
    return Frames(fetch(file), int(frames["count"]), (int(left), int(top)), from_original, (int(x), int(y)))
