"""Laying the edit back onto the layer: what is added to the picture is the difference that the drag made."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from backend.editing.motion import estimate_motion, moved
from backend.editing.region import Region

CHANGE_SEEN = 0.06  # of -1 .. 1: a pixel that changed by this much is in the changed area
UNEXPLAINED = 0.25  # of -1 .. 1: where the moved image misses the edited one by this much, its detail fades
GROW = 0.02  # of the region's shorter side: how far the changed area reaches beyond
FEATHER = 0.02  # of the region's shorter side: how soft its edge is
SELECTION_FEATHER = 0.005  # the same for the selection's edge, which may be meant sharp


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

    The result is original + (edited - inverted) wherever nothing moved. What the model can't show (the difference
    of original and inverted image: fur, sharp edges) moves along with the subject, and is left out where something
    came to light that was hidden before; else it would stay behind as a ghost of the old outline. Alpha is the
    layer's own: the outline of a cut-out does not move.
    """
    inverted, edited = inverted.clamp(-1, 1), edited.clamp(-1, 1)
    changed = _soft((edited - inverted).abs().amax(dim=0) > CHANGE_SEEN, GROW, FEATHER)
    colours = _colours(original, inverted, edited, changed)
    visible = _resize(changed[None], (region.height, region.width), "bilinear")[0].cpu().numpy()
    visible = visible * _fade_at_cuts(region, layer_size)
    if mask is not None:
        visible = visible * _feathered(mask, region)
    return np.concatenate([colours, original[..., 3:]], axis=2), np.rint(255 * visible).astype(np.uint8)


def _colours(original: np.ndarray, inverted: torch.Tensor, edited: torch.Tensor, changed: torch.Tensor) -> np.ndarray:
    """The result's colours, uint8 [height, width, 3]: the edited image, and the detail of `original` moved along."""
    size = original.shape[:2]
    motion = estimate_motion(inverted, edited) * changed
    explained = torch.exp(-((moved(inverted, motion) - edited).abs().amax(dim=0) / UNEXPLAINED).square())
    picture = torch.tensor(original).to(edited).permute(2, 0, 1)
    seen = picture[3:] > 0  # the colours of transparent pixels are anything: they are no detail
    detail = moved((picture[:3] / 127.5 - 1 - _resize(inverted, size)) * seen, _resize(motion, size))
    pixels = _resize(edited, size) + _resize(explained[None], size, "bilinear") * detail
    values = torch.where(seen, ((pixels + 1) * 127.5).clamp(0, 255), picture[:3])
    return values.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def laid_over(picture: np.ndarray, layer: np.ndarray, mask: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    """What one sees of `picture` (uint8 [H, W, 4]) with `layer` and its layer mask `mask` above it at `offset` (x, y).

    Where the mask is 0 the picture is as it was, bit for bit; so is its alpha everywhere.
    """
    result, (x, y), (height, width) = picture.copy(), offset, mask.shape
    under = result[y : y + height, x : x + width, :3]
    opacity = mask[..., None].astype(np.float32) / 255
    under[:] = np.rint(under + opacity * (layer[..., :3].astype(np.float32) - under)).astype(np.uint8)
    return result


def _resize(image: torch.Tensor, size: tuple[int, int], mode: str = "bicubic") -> torch.Tensor:
    """[C, h, w] to [C, *size]; "bilinear" never overshoots."""
    return F.interpolate(image[None], size, mode=mode, align_corners=False)[0]


def _soft(seen: torch.Tensor, grow: float, feather: float) -> torch.Tensor:
    """The area `seen` [h, w], grown by `grow` of the shorter side and feathered beyond that: 0 .. 1."""
    shorter = min(seen.shape)
    wide = max(round(feather * shorter), 1)
    reach = round(grow * shorter) + 2 * wide
    soft = F.max_pool2d(seen[None, None].float(), 2 * reach + 1, stride=1, padding=reach)
    for _ in range(2):  # two box filters make a tent; the area was grown by its reach, so that it stays whole
        soft = F.avg_pool2d(F.pad(soft, (wide,) * 4, mode="replicate"), 2 * wide + 1, stride=1)
    return soft[0, 0]


def _feathered(mask: np.ndarray, region: Region) -> np.ndarray:
    """The selection uint8 [height, width] as 0 .. 1, its edge feathered inwards: nothing beyond it is let through."""
    height, width = region.model_size
    small = torch.from_numpy(np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.BOX)))
    inside = _resize((1 - _soft(small == 0, 0, SELECTION_FEATHER))[None], mask.shape[:2], "bilinear")[0].numpy()
    return inside * (mask.astype(np.float32) / 255)


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
