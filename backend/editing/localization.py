"""Where the subject stands on a layer: the encoder's localisation network, looking closer and closer."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from backend.editing.frame import Frame
from stylegan2.encoder import Encoder
from stylegan2.localization import VIEW_SIDE

LOOKS = 4  # each from the frame that the one before found
MARGIN = 1.25  # side of a closer view, as a multiple of the frame's
VIEW = (VIEW_SIDE, VIEW_SIDE)
BACKGROUND = 127  # the grey of what is transparent


def localize(encoder: Encoder, image: np.ndarray, view: Frame, model_size: tuple[int, int]) -> Frame:
    """Find the frame in which a model would show the subject of a layer.

    Args:
        encoder: of the model.
        image: uint8 [H, W, 4], the whole layer.
        view: where to look, a square of VIEW_SIDE pixels.
        model_size: (height, width) of the model's image.
    """
    opaque = image[..., 3:].astype(np.float32) / 255
    colours = (image[..., :3] * opaque + BACKGROUND * (1 - opaque)).round().astype(np.uint8)
    frame = view
    for _ in range(LOOKS):
        frame = _found(encoder, colours, view, model_size)
        longer = max(model_size) * frame.scale
        view = Frame(frame.x, frame.y, MARGIN * longer / VIEW_SIDE, frame.roll)
    return frame


def square_around(x: float, y: float, width: float, height: float) -> Frame:
    """Return the view that shows a rectangle of a layer, and beyond it what a square needs."""
    return Frame(x + width / 2, y + height / 2, max(width, height) / VIEW_SIDE, 0.0)


@torch.no_grad()
def _found(encoder: Encoder, colours: np.ndarray, view: Frame, model_size: tuple[int, int]) -> Frame:
    """Look once: the frame of the subject in a view."""
    shown = view.view(colours, VIEW, Image.Resampling.BOX).astype(np.float32) / 127.5 - 1
    place = encoder.localization(torch.from_numpy(shown).permute(2, 0, 1)[None].to(encoder.mean.device))
    x, y, log_side, roll = place[0].tolist()
    centre = view.to_layer((np.array([x, y]) + 1) * VIEW_SIDE / 2, VIEW)
    scale = view.scale * VIEW_SIDE * math.exp(log_side) / max(model_size)
    return Frame(float(centre[0]), float(centre[1]), scale, view.roll + math.degrees(roll))
