"""What a generator shows of an edit, made by hand: pictures instead of codes, their colours instead of features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from backend.editing.correspondence import EditImages

CELL = 4  # pixels of a picture for one of its features


def edit_of(*pictures: torch.Tensor) -> EditImages:
    """An edit whose pictures [3, h, w], -1 .. 1, lie evenly on its way."""
    return edit_along(lambda share: pictures[round(share * (len(pictures) - 1))])


def edit_along(picture: Callable[[float], torch.Tensor]) -> EditImages:
    """An edit with a picture [3, h, w] at every share of its way."""
    return EditImages(picture, lambda share: F.avg_pool2d(picture(share)[None], CELL)[0])


def shown(pixels: np.ndarray) -> torch.Tensor:
    """A generator's picture [3, h, w] of `pixels`, 0 .. 255, [h, w] or [h, w, 3]."""
    colours = np.broadcast_to(pixels if pixels.ndim == 3 else pixels[..., None], (*pixels.shape[:2], 3))
    return torch.from_numpy((colours / 127.5 - 1).astype(np.float32).transpose(2, 0, 1).copy())
