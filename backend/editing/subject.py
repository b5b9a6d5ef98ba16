"""Where the subject stands on a layer: in the region as it was chosen, or smaller, off-centre or tilted in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from backend.editing.frame import Frame
from backend.editing.pixels import to_model
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.reconstruction_loss import ReconstructionLoss
from backend.editing.region import LAYER, MINIMUM_SIDE, Box, Region, choose_region
from backend.errors import UserError
from stylegan2.encoder import Encoder
from stylegan2.localization import VIEW_SIDE

LOOKS = 4  # each from the frame that the one before found
MARGIN = 1.25  # side of a closer view, as a multiple of the frame's
VIEW = (VIEW_SIDE, VIEW_SIDE)
BACKGROUND = 127  # the grey of what is transparent
# A subject that is so little beside the region's middle is shown there as well: shares of its side, logarithm, degrees
SMALL_SHIFT, SMALL_SCALING, SMALL_ROLL = 0.06, 0.1, 6.0
BETTER = 0.9  # a frame is worth it when what is left over is a smaller share of that of the region


def find_subject(
    loaded: LoadedModel,
    image: np.ndarray,
    drags: Sequence[Drag] = (),
    selected: Box | None = None,
    where: str = LAYER,
) -> Region:
    """Choose the region in which the model shows the subject of a layer best.

    Args:
        loaded: the model; one without an encoder is shown what choose_region() chooses.
        image: uint8 [H, W, 4], the whole layer.
        drags: points in layer pixels; the subject is where all of them are.
        selected: the box around what is selected on the layer, or None.
        where: to look: "layer" or around the "selection".

    Raises:
        UserError: the layer is too small, or nothing is selected.
    """
    height, width = image.shape[:2]
    region = choose_region((height, width), loaded.model.generator.image_size, selected, where)
    if loaded.encoder is None:
        return region
    frame = localize(loaded.encoder, image, (0, 0, width, height) if where == LAYER else region.box, region.model_size)
    if _is_near(frame, region) or min(region.model_size) * frame.scale < MINIMUM_SIDE:
        return region
    try:
        framed = Region.framed(frame, (height, width), region.model_size)
    except UserError:
        return region
    if not _holds(framed, drags):
        return region
    if not _holds(region, drags):
        return framed
    return framed if _left_over(loaded, image, framed) < BETTER * _left_over(loaded, image, region) else region


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
    for _ in range(LOOKS):
        frame = _look(encoder, colours, square, model_size)
        square = Frame(frame.x, frame.y, MARGIN * max(model_size) * frame.scale / VIEW_SIDE, frame.roll)
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


@torch.no_grad()
def _left_over(loaded: LoadedModel, image: np.ndarray, region: Region) -> float:
    """The share of what there is to see in a region that the encoder's guess does not show.

    A plain background is shown well by everything, so that the error alone says nothing.
    """
    assert loaded.encoder is not None
    target, weight = to_model(region.shrink(region.crop(image)), loaded.encoder.mean.device)
    if not bool(weight.any()):
        return math.inf
    w_plus = loaded.encoder.encode(loaded.model.generator, target, weight)
    draft = loaded.encoder.draft_of(loaded.model.generator, w_plus)
    small_weight = F.adaptive_avg_pool2d(weight, (draft.shape[2], draft.shape[3]))
    small = F.adaptive_avg_pool2d(target, (draft.shape[2], draft.shape[3]))
    mean = (small * small_weight).sum(dim=(2, 3), keepdim=True) / small_weight.sum()
    loss = ReconstructionLoss(loaded.model, target, weight).pixel_loss
    return float(loss(draft) / loss(mean.expand_as(draft)).clamp(min=1e-6))
