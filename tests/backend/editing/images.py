"""What a generator shows of an edit, made by hand: images instead of codes, their colours instead of features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from backend.editing.correspondence import EditImages

CELL = 4  # pixels of an image for one of its features


def edit_of(*images: torch.Tensor) -> EditImages:
    """An edit whose images [3, h, w], -1 .. 1, lie evenly on its trajectory."""
    return edit_along(lambda share: images[round(share * (len(images) - 1))])


def edit_along(image: Callable[[float], torch.Tensor]) -> EditImages:
    """An edit with an image [3, h, w] at every share of its trajectory."""
    return EditImages(image, lambda share: F.avg_pool2d(image(share)[None], CELL)[0])


def shown(pixels: np.ndarray) -> torch.Tensor:
    """A generator's image [3, h, w] of `pixels`, 0 .. 255, [h, w] or [h, w, 3]."""
    colours = np.broadcast_to(pixels if pixels.ndim == 3 else pixels[..., None], (*pixels.shape[:2], 3))
    return torch.from_numpy((colours / 127.5 - 1).astype(np.float32).transpose(2, 0, 1).copy())
