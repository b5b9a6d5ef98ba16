"""Laying the edit back onto the layer: what is added to the picture is the difference that the drag made."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from backend.editing.region import Region

CHANGE_SEEN = 6 / 255  # a pixel that changed by this much is in the changed area
GROW = 0.02  # of the region's shorter side: how far the changed area reaches beyond
FEATHER = 0.02  # of the region's shorter side: how soft its edge is


def compose(
    original: np.ndarray,
    inverted: torch.Tensor,
    edited: torch.Tensor,
    mask: np.ndarray | None,
    region: Region,
    layer_size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the result layer, uint8 [height, width, 4], and its changed-area mask, uint8 [height, width].

    Both have the region's size.  original: uint8 [height, width, 4], the region's part of the layer.  inverted,
    edited: [3, h, w], -1 .. 1, the model's images before and after.  mask: uint8 [height, width], the region's
    part of the selection, or None.  layer_size: (height, width) of the whole layer.

    The result is original + (edited - inverted), so that what the model can't show stays in the picture.  Alpha is
    the layer's own: the outline of a cut-out does not move.
    """
    size = (region.height, region.width)
    difference = (edited.clamp(-1, 1) - inverted.clamp(-1, 1)) / 2
    wide = F.interpolate(difference[None], size, mode="bicubic", align_corners=False)[0]
    pixels = original[..., :3].astype(np.float32) + 255 * wide.permute(1, 2, 0).cpu().numpy()
    layer = np.concatenate([np.rint(pixels.clip(0, 255)).astype(np.uint8), original[..., 3:]], axis=2)
    changed = _changed_area(difference, size) * _fade_at_cuts(region, layer_size)
    if mask is not None:
        changed = changed * (mask.astype(np.float32) / 255)
    return layer, np.rint(255 * changed).astype(np.uint8)


def laid_over(picture: np.ndarray, layer: np.ndarray, mask: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    """What one sees of `picture` (uint8 [H, W, 4]) with `layer` and its layer mask `mask` above it at `offset` (x, y).

    Where the mask is 0 the picture is as it was, bit for bit; so is its alpha everywhere.
    """
    result, (x, y), (height, width) = picture.copy(), offset, mask.shape
    under = result[y : y + height, x : x + width, :3]
    opacity = mask[..., None].astype(np.float32) / 255
    under[:] = np.rint(under + opacity * (layer[..., :3].astype(np.float32) - under)).astype(np.uint8)
    return result


def _changed_area(difference: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """Where `difference` [3, h, w] shows, grown and feathered: float32 [size], 0 .. 1."""
    change = difference.abs().amax(dim=0)[None, None]
    shorter = min(difference.shape[1:])
    grow, feather = max(round(GROW * shorter), 1), max(round(FEATHER * shorter), 1)
    seen = (F.avg_pool2d(change, 3, stride=1, padding=1, count_include_pad=False) > CHANGE_SEEN).float()
    grown = F.max_pool2d(seen, 2 * (grow + feather) + 1, stride=1, padding=grow + feather)
    soft = grown
    for _ in range(2):  # two box filters make a tent; it reaches no further than the area was grown for it
        soft = F.avg_pool2d(F.pad(soft, (feather,) * 4, mode="replicate"), 2 * feather + 1, stride=1)
    wide = F.interpolate(soft, size, mode="bilinear", align_corners=False)[0, 0]
    return wide.clamp(0, 1).cpu().numpy()


def _fade_at_cuts(region: Region, layer_size: tuple[int, int]) -> np.ndarray:
    """Float32 [height, width]: 1 inside, falling to 0 at the sides where the region ends inside the layer."""
    reach = max(2 * FEATHER * min(region.width, region.height), 1)
    x = _fade(region.width, region.x > 0, region.x + region.width < layer_size[1], reach)
    y = _fade(region.height, region.y > 0, region.y + region.height < layer_size[0], reach)
    return np.minimum(y[:, None], x[None, :])


def _fade(length: int, cut_before: bool, cut_after: bool, reach: float) -> np.ndarray:
    centres = np.arange(length, dtype=np.float32) + 0.5
    before = centres / reach if cut_before else np.ones(length, np.float32)
    after = (length - centres) / reach if cut_after else np.ones(length, np.float32)
    return np.minimum(np.minimum(before, after), 1)
