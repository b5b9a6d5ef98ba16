"""Laying the edit back onto the layer: what is added to the picture is the difference that the drag made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from backend.editing.motion import estimate_motion, moved, sample
from backend.editing.region import Region

CHANGE_SEEN = 0.06  # of -1 .. 1: a pixel that changed by this much is in the changed area
UNEXPLAINED = 0.25  # of -1 .. 1: where the moved image misses the edited one by this much, its detail fades
GROW = 0.02  # of the region's shorter side: how far the changed area reaches beyond
FEATHER = 0.02  # of the region's shorter side: how soft its edge is
SELECTION_FEATHER = 0.005  # the same for the selection's edge, which may be meant sharp
FINER = 2  # the model's images are resampled once at this many times their size, then enlarged to the layer's
STRIP = 500_000  # pixels put together at a time: a region of 6000 x 6000 must not take gigabytes


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
    came to light that was hidden before; else it would stay behind as a ghost of the old outline. Alpha moves along
    with the subject, too: the outline of a cut-out follows the drag. Far from every change the result is the
    original, bit for bit.
    """
    inverted, edited = inverted.clamp(-1, 1), edited.clamp(-1, 1)
    changed = _soft((edited - inverted).abs().amax(dim=0) > CHANGE_SEEN, GROW, FEATHER)
    layer, visible = original.copy(), np.zeros(original.shape[:2], np.uint8)
    if not changed.any():
        return layer, visible
    maps = _maps(inverted, edited, changed, mask, region)
    fade = _fades_at_cuts(region, layer_size)
    for rows, columns in _strips(changed, original.shape[:2]):
        place = _places(rows, columns, original.shape[:2]).to(edited)
        layer[rows, columns], shown = _put_together(original, maps, place, (rows, columns))
        shown = shown * np.minimum(fade[0][rows, None], fade[1][columns])
        if mask is not None:
            shown = shown * (mask[rows, columns].astype(np.float32) / 255)
        visible[rows, columns] = np.rint(255 * shown)
    return layer, visible


def changed_part(before: np.ndarray, after: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns with all pixels in which two pictures, uint8 [H, W, 4], differ; where none do, of one pixel."""
    differ = (before.view(np.uint32) != after.view(np.uint32))[..., 0]
    rows, columns = (np.flatnonzero(differ.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def laid_over(picture: np.ndarray, layer: np.ndarray, mask: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    """What `picture` (uint8 [H, W, 4]) becomes with `layer`, seen through `mask`, in its place at `offset` (x, y).

    Where the mask is 0 the picture is as it was, bit for bit. Alpha is mixed like the colours, which count as much
    as they are seen.
    """
    result, (x, y), (height, width) = picture.copy(), offset, mask.shape
    for top in range(0, height, max(STRIP // width, 1)):
        rows = slice(top, min(top + max(STRIP // width, 1), height))
        part, over = mask[rows], np.ascontiguousarray(layer[rows])
        under = result[y + rows.start : y + rows.stop, x : x + width]
        opaque = Image.fromarray(np.ascontiguousarray(under))
        opaque.paste(Image.fromarray(over), mask=Image.fromarray(part))  # right for opaque pixels only, but fast
        partly = (part > 0) & (part < 255) & ((under[..., 3] < 255) | (over[..., 3] < 255))
        mixed = _mixed(under[partly], over[partly], part[partly])
        under[:] = np.asarray(opaque)
        under[partly] = mixed
    return result


def _mixed(under: np.ndarray, over: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Pixels uint8 [n, 4] between `under` and `over`, as far as `mask` (uint8 [n]) says."""
    opacity = mask[:, None].astype(np.float32) / 255
    below, above = (1 - opacity) * under[:, 3:], opacity * over[:, 3:]
    alpha = below + above
    share = np.divide(above, alpha, out=opacity.copy(), where=alpha > 0)
    colours = under[:, :3] + share * (over[:, :3].astype(np.float32) - under[:, :3])
    return np.rint(np.concatenate([colours, alpha], axis=1)).astype(np.uint8)


class _Maps(NamedTuple):
    """What the strips are put together from, at FINER times the model's size or the region's, whatever is less.

    inverted  [3, h, w]  the model's image before
    added     [3, h, w]  what is added to the moved original: the image after less the moved image before
    others    [5, h, w]  how far the moved original counts, 0 .. 1; motion (x, y); changed and selected, 0 .. 1
    """

    inverted: torch.Tensor
    added: torch.Tensor
    others: torch.Tensor


def _maps(
    inverted: torch.Tensor, edited: torch.Tensor, changed: torch.Tensor, mask: np.ndarray | None, region: Region
) -> _Maps:
    height, width = inverted.shape[1:]
    size = min(region.height, FINER * height), min(region.width, FINER * width)
    motion = estimate_motion(inverted, edited) * changed
    explained = torch.exp(-((moved(inverted, motion) - edited).abs().amax(dim=0) / UNEXPLAINED).square())
    selected = torch.ones_like(changed) if mask is None else _selected(mask, region).to(changed)
    others = torch.cat([explained[None], motion, changed[None], selected[None]])
    others = _resize(others, size, "bilinear")
    before, after = _resize(inverted, size), _resize(edited, size)
    return _Maps(before, after - others[:1] * moved(before, others[1:3], "bicubic"), others)


def _put_together(
    original: np.ndarray, maps: _Maps, place: torch.Tensor, window: tuple[slice, slice]
) -> tuple[np.ndarray, np.ndarray]:
    """The result's pixels, uint8 [n, m, 4], at `place` [n, m, 2] (grid_sample's -1 .. 1), and how far they show."""
    added, others = sample(maps.added, place, "bicubic"), sample(maps.others, place)
    explained, motion, changed, selected = others[:1], others[1:3], others[3], others[4]
    picture = _read_moved(original, maps.inverted, place + 2 * motion.permute(1, 2, 0))
    colours = ((added + explained * picture[:3] + 1) * 127.5).clamp(0, 255)
    pixels = torch.cat([colours, picture[3:]]).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    hidden = pixels[..., 3] == 0  # the colours of transparent pixels are nobody's business: they stay
    pixels[hidden, :3] = original[window][hidden, :3]
    return pixels, (changed * selected).cpu().numpy()


def _read_moved(original: np.ndarray, inverted: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """[4, n, m]: `original` (uint8 [H, W, 4]) read at `place` [n, m, 2]; colours -1 .. 1, alpha 0 .. 255.

    Transparent pixels have the colours of `inverted`, the model's image, because their own can be anything.
    """
    height, width = original.shape[:2]
    reach = (place[..., 1].min(), place[..., 1].max())
    first, last = (int((float(y) + 1) / 2 * height) for y in reach)
    rows = slice(max(first - 1, 0), min(max(last + 2, 1), height))
    rows = slice(min(rows.start, height - 1), rows.stop)
    picture = torch.tensor(original[rows], device=place.device).permute(2, 0, 1).float()
    picture[:3] = picture[:3] / 127.5 - 1
    if not picture[3].all():
        behind = sample(inverted, _places(rows, slice(0, width), (height, width)).to(place), "bicubic")
        picture[:3] = torch.where(picture[3:] > 0, picture[:3], behind)
    y = ((place[..., 1] + 1) / 2 * height - rows.start) / (rows.stop - rows.start) * 2 - 1
    return sample(picture, torch.stack([place[..., 0], y], dim=-1))


def _strips(changed: torch.Tensor, size: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the picture (height, width) that cover all of `changed` [h, w], some rows at a time."""
    (height, width), scale = size, changed.shape[0] / size[0]
    rows, step = _extent(changed.amax(dim=1) > 0, height), max(STRIP // width, 1)
    for top in range(rows.start, rows.stop, step):
        bottom = min(top + step, rows.stop)
        near = changed[max(int(top * scale) - 1, 0) : math.ceil(bottom * scale) + 1].amax(dim=0) > 0
        if near.any():
            yield slice(top, bottom), _extent(near, width)


def _extent(seen: torch.Tensor, length: int) -> slice:
    """Where enlarging `seen` [n] to `length` can give more than 0; it reaches half a pixel beyond."""
    where, scale = torch.nonzero(seen)[:, 0], length / len(seen)
    return slice(max(int((int(where[0]) - 1) * scale), 0), min(math.ceil((int(where[-1]) + 2) * scale), length))


def _places(rows: slice, columns: slice, size: tuple[int, int]) -> torch.Tensor:
    """[n, m, 2]: the centres (x, y) of these pixels of a picture (height, width), as grid_sample wants them."""
    y, x = (
        (torch.arange(part.start, part.stop, dtype=torch.float64) + 0.5) * (2 / length) - 1
        for part, length in zip((rows, columns), size, strict=True)
    )
    return torch.stack([x.expand(len(y), len(x)), y[:, None].expand(len(y), len(x))], dim=-1)


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


def _selected(mask: np.ndarray, region: Region) -> torch.Tensor:
    """[h, w] of the model: the selection, its edge feathered inwards; nothing beyond it is let through."""
    height, width = region.model_size
    small = torch.from_numpy(np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.BOX)))
    return 1 - _soft(small == 0, 0, SELECTION_FEATHER)


def _fades_at_cuts(region: Region, layer_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Float32 [height] and [width]: 1 inside, falling to 0 at the sides where the region ends inside the layer."""
    reach = max(2 * FEATHER * min(region.width, region.height), 1)
    y = _fade(region.height, region.y > 0, region.y + region.height < layer_size[0], reach)
    x = _fade(region.width, region.x > 0, region.x + region.width < layer_size[1], reach)
    return y, x


def _fade(length: int, cut_before: bool, cut_after: bool, reach: float) -> np.ndarray:
    centres = np.arange(length, dtype=np.float32) + 0.5
    before = centres / reach if cut_before else np.ones(length, np.float32)
    after = (length - centres) / reach if cut_after else np.ones(length, np.float32)
    return np.minimum(np.minimum(before, after), 1)
