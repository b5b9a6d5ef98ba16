"""Where the subject stands on a layer: in the region as it was chosen, or smaller, off-centre or tilted in it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from backend.editing.faces import find_face
from backend.editing.fit import Judge
from backend.editing.frame import Frame
from backend.editing.pixels import digest, to_model
from backend.editing.points import Drag
from backend.editing.region import LAYER, MINIMUM_SIDE, Box, Region, choose_region
from backend.errors import UserError
from stylegan2.encoder import Encoder
from stylegan2.localization import VIEW_SIDE

VERSION = 1  # to be raised when another frame would be found: those remembered before are not found any more
LOOKED_AT = 1024  # pixels, about, of the longer side of what is looked at: a whole large layer would take seconds
LOOKS = 4  # each from the frame that the one before found
MARGIN = 1.25  # side of a closer view, as a multiple of the frame's
VIEW = (VIEW_SIDE, VIEW_SIDE)
BACKGROUND = 127  # the grey of what is transparent
# A subject that is so little beside the region's middle is shown there as well: shares of its side, logarithm, degrees
SMALL_SHIFT, SMALL_SCALING, SMALL_ROLL = 0.06, 0.1, 6.0
# Steps of the refinement: shares of these, in turn.
REFINEMENTS = (1.5, 1.0, 0.6)
REFINED_SHIFT, REFINED_SCALING, REFINED_ROLL = 0.06, 0.12, 5.0  # share of its side; of its scale; degrees
BETTER = 0.9  # a frame is worth it when what is left over is a smaller share of that of the region


def find_subject(
    judge: Judge | None,
    image: np.ndarray,
    model_size: tuple[int, int],
    drags: Sequence[Drag] = (),
    selected: Box | None = None,
    where: str = LAYER,
    band: int = 0,
    aligned_faces: bool = False,
) -> Region:
    """Choose the region in which a model shows the subject of a layer best.

    Args:
        judge: of the model; without one the region is that of choose_region().
        image: uint8 [H, W, 4], the whole layer.
        model_size: (height, width) of the model's image.
        drags: points in layer pixels; the subject is where all of them are.
        selected: the box around what is selected on the layer, or None.
        where: to look: "layer" or around the "selection".
        band: rows of the model's image at its top, and as many at its bottom, that show nothing.
        aligned_faces: the model shows faces, aligned as those of FFHQ are.

    Raises:
        UserError: the layer is too small, or nothing is selected.
    """
    height, width = image.shape[:2]
    region = choose_region((height, width), model_size, selected, where, band)
    if aligned_faces:
        face = find_face(image, model_size, drags, None if where == LAYER else region.box)
        if face is not None:
            return face
    if judge is None:
        return region
    framed = _framed_once(judge, image, region, (0, 0, width, height) if where == LAYER else region.box, band)
    return region if framed is None or not _holds(framed, drags) else framed


def _framed_once(judge: Judge, image: np.ndarray, region: Region, view: Box, band: int) -> Region | None:
    """The region of the frame that shows the subject better than `region`; None where there is none.

    What was found is remembered: an artist drags on the same layer again and again.

    view: where to look (x, y, width, height).
    """
    smaller = max(max(image.shape[:2]) // LOOKED_AT, 1)
    small = np.asarray(Image.fromarray(image).reduce(smaller))
    key = ("subject", VERSION, *judge.key, digest(small), image.shape, region, view, band)
    known = judge.cache.get(*key)
    if known is None or known.keys() != {"frame"}:
        framed = _framed(judge, image, small, smaller, region, view, band)
        if framed is not None and not _is_worth_it(judge, image, framed, region):
            framed = None
        found = () if framed is None or framed.frame is None else dataclasses.astuple(framed.frame)
        judge.cache.put({"frame": torch.tensor(found, dtype=torch.float64)}, *key)
        return framed
    if not len(known["frame"]):
        return None
    *place, rows = known["frame"].tolist()
    return _region(Frame(*place, band=round(rows)), image, region.model_size)


def _framed(
    judge: Judge, image: np.ndarray, small: np.ndarray, smaller: int, region: Region, view: Box, band: int
) -> Region | None:
    """The region of the frame in which the subject is found; None where there is none, or `region` shows the same.

    small: `image`, so many times `smaller`.
    """
    model_size = region.model_size
    x, y, width, height = (length // smaller for length in view)
    frame = localize(judge.encoder, small, (x, y, max(width, 1), max(height, 1)), model_size)
    frame = dataclasses.replace(frame, band=band)
    if _is_near(frame.enlarged(smaller), region) or _region(frame, small, model_size) is None:
        return None
    return _region(refine(judge, small, frame, model_size).enlarged(smaller), image, model_size)


def localize(encoder: Encoder, image: np.ndarray, view: Box, model_size: tuple[int, int]) -> Frame:
    """Find the frame in which a model would show the subject of a layer: with the encoder, looking closer and closer.

    Args:
        encoder: of the model.
        image: uint8 [H, W, 4], the whole layer.
        view: where to look first (x, y, width, height).
        model_size: (height, width) of the model's image.
    """
    opaque = image[..., 3:].astype(np.float32) / 255
    colours = (image[..., :3] * opaque + BACKGROUND * (1 - opaque)).round().astype(np.uint8)
    x, y, width, height = view
    square = Frame(x + width / 2, y + height / 2, max(width, height) / VIEW_SIDE, 0.0)
    frame = _look(encoder, colours, square, model_size)
    for _ in range(LOOKS - 1):
        square = Frame(frame.x, frame.y, MARGIN * max(model_size) * frame.scale / VIEW_SIDE, frame.roll)
        frame = _look(encoder, colours, square, model_size)
    return frame


@torch.no_grad()
def _look(encoder: Encoder, colours: np.ndarray, square: Frame, model_size: tuple[int, int]) -> Frame:
    """Look once: the frame of the subject in a square of the layer."""
    shown = square.view(colours, VIEW, Image.Resampling.BOX).astype(np.float32) / 127.5 - 1
    place = encoder.localization(torch.from_numpy(shown).permute(2, 0, 1)[None].to(encoder.mean.device))
    x, y, log_side, roll = place[0].tolist()
    centre = square.to_layer((np.array([x, y]) + 1) * VIEW_SIDE / 2, VIEW)
    scale = square.scale * VIEW_SIDE * math.exp(log_side) / max(model_size)
    return Frame(float(centre[0]), float(centre[1]), scale, square.roll + math.degrees(roll))


def _is_near(frame: Frame, region: Region) -> bool:
    """Whether the region shows the same, but for what the code makes up for."""
    side = max(region.width, region.height)
    shift = math.hypot(frame.x - region.x - region.width / 2, frame.y - region.y - region.height / 2) / side
    scaling = abs(math.log(frame.scale * max(region.model_size) / side))
    return shift < SMALL_SHIFT and scaling < SMALL_SCALING and abs(frame.roll) < SMALL_ROLL


def _holds(region: Region, drags: Sequence[Drag]) -> bool:
    """Whether all drags lie in a region."""
    try:
        region.check_inside(drags)
    except UserError:
        return False
    return True


def refine(judge: Judge, image: np.ndarray, frame: Frame, model_size: tuple[int, int]) -> Frame:
    """Shift, scale and roll a frame, in smaller and smaller steps, to where the encoder's guess has the least error."""
    best, least = frame, _relative_errors(judge, image, [frame], model_size)[0]
    for share in REFINEMENTS:
        step, side = share * REFINED_SHIFT, best.scale * max(model_size)
        ratio = (1 + REFINED_SCALING) ** share
        around = [
            dataclasses.replace(best, x=best.x - step * side),
            dataclasses.replace(best, x=best.x + step * side),
            dataclasses.replace(best, y=best.y - step * side),
            dataclasses.replace(best, y=best.y + step * side),
            dataclasses.replace(best, scale=best.scale * ratio),
            dataclasses.replace(best, scale=best.scale / ratio),
            dataclasses.replace(best, roll=best.roll + share * REFINED_ROLL),
            dataclasses.replace(best, roll=best.roll - share * REFINED_ROLL),
        ]
        errors = _relative_errors(judge, image, around, model_size)
        if min(errors) < least:
            least, best = min(errors), around[errors.index(min(errors))]
    return best


def _relative_errors(
    judge: Judge, image: np.ndarray, frames: Sequence[Frame], model_size: tuple[int, int]
) -> list[float]:
    """The relative error of the encoder's guess in each frame; infinite where there is no layer."""
    regions = [_region(frame, image, model_size) for frame in frames]
    seen = [to_model(region.shrink(region.crop(image)), judge.encoder.mean.device) for region in regions if region]
    errors = iter(judge.relative_errors(torch.cat([a for a, _ in seen]), torch.cat([b for _, b in seen])).tolist())
    return [next(errors) if region else math.inf for region in regions]


def _region(frame: Frame, image: np.ndarray, model_size: tuple[int, int]) -> Region | None:
    """The region of a frame; None where it is too small, or shows nothing of the layer."""
    if min(model_size) * frame.scale < MINIMUM_SIDE:
        return None
    try:
        region = Region.framed(frame, (image.shape[0], image.shape[1]), model_size)
    except UserError:
        return None
    return None if region.is_empty(region.crop(image)) else region


def _is_worth_it(judge: Judge, image: np.ndarray, framed: Region, region: Region) -> bool:
    """Whether the model shows its subject in the frame, with a smaller relative error than the region as it was chosen.

    A plain background is shown well by everything, so that the error counts as a share of what there is to see.
    """
    device = judge.encoder.mean.device
    target, weight = to_model(framed.shrink(framed.crop(image)), device)
    if judge.fit(judge.guess(target, weight), target, weight) == "poor":
        return False
    other, other_weight = to_model(region.shrink(region.crop(image)), device)
    if not bool(other_weight.any()):
        return True
    here, there = judge.relative_errors(torch.cat([target, other]), torch.cat([weight, other_weight])).tolist()
    return here < BETTER * there
