"""The layer after an edit: its own pixels, moved; the generator's only where nothing of the layer can be moved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

from backend.editing.background import Continuation, continue_background
from backend.editing.correspondence import Correspondence, EditImages, find_correspondence, like_background
from backend.editing.filters import blur, resample, weighted_blur
from backend.editing.grain import grain_strength, grain_tile, laid
from backend.editing.optical_flow import CUBIC, LINEAR, read, read_sharp
from backend.editing.region import Region

CHANGE_SEEN = 0.06  # of -1 .. 1: a pixel that changed by this much is in the changed area
GROW = 0.02  # of the region's shorter side: how far the changed area reaches beyond
FEATHER = 0.02  # of the region's shorter side: how soft its edge is
SELECTION_FEATHER = 0.005  # the same for the selection's edge, which may be meant sharp
LIGHT_BLUR, COLOUR_BLUR, FAR = 5.0, 6.0, 24.0  # pixels of the model's image
MISPLACED = 40.0  # of 0 .. 255: where the inverted image misses the layer by as much, it shows something else
LIGHT_SEEN, LIGHT_SEEN_STILL = 0.02, 0.1  # of -1 .. 1: a smaller change of light is none; of what stayed in place
LIGHT_MOST = 0.3  # of -1 .. 1: a larger one is something else
TRACE = 8.0  # of 0 .. 255: so little of a painted pixel's alpha, or so little missing from it, is an error
BLOCK = 512  # pixels, the sides of what is put together at a time: a region of 6000 x 6000 must not take gigabytes
SURE = 0.999  # where all of a block is as sure of something, the other is not computed


def compose(
    layer: np.ndarray,
    original: np.ndarray,
    images: EditImages,
    previous: torch.Tensor,
    mask: np.ndarray | None,
    region: Region,
    layer_size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the result layer, uint8 [height, width, 4], and its changed-area mask, uint8 [height, width].

    Args:
        layer: uint8 [height, width, 4], the region's part of the artist's layer.
        original: the same of the layer that the edit started from; layer itself, unless that is already a result.
        images: what the generator shows of the edit, from its start to now.
        previous: [3, h, w], -1 .. 1, what it shows of `layer`: the changed area is counted from there.
        mask: uint8 [height, width], the region's part of the selection, or None.
        region: where these parts lie on the layer.
        layer_size: (height, width) of the whole layer.

    The original's pixels are moved by the optical flow from the start to now. What the generator changed smoothly there
    is added as light. Where the flow cannot be trusted (something came to light, or changed its look) stands what the
    generator shows, in the colours that the layer has around it and with its grain, or the layer's own background
    where that goes on. Alpha moves along. Far from every change the result is the layer, bit for bit.
    """
    now = images.image(1.0).clamp(-1, 1)
    difference = (now - previous.clamp(-1, 1)).abs().amax(dim=0).cpu().numpy()
    result, visible = layer.copy(), np.zeros(layer.shape[:2], np.uint8)
    if not (difference > CHANGE_SEEN).any():
        return result, visible
    found = find_correspondence(images)
    moved = cv2.resize(found.moved.astype(np.uint8), difference.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    changed = _soft((difference > CHANGE_SEEN) | moved, GROW, FEATHER)
    source = _with_colours_everywhere(original, found.start)
    maps = _maps(source, found, now)
    shown = _Shown(changed, mask, _fades_at_cuts(region, layer_size))

    def put(block: tuple[slice, slice]) -> None:
        result[block] = _put_together(source, layer, maps, *block)
        visible[block] = shown.at(_Place(*block, layer.shape[:2]))

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # OpenCV and numpy work without the interpreter's lock
        list(pool.map(put, _blocks(changed, layer.shape[:2])))
    return result, visible


class _Maps(NamedTuple):
    """What the blocks are put together from; colours and alpha are 0 .. 255.

    guide: [h, w, 4], of the correspondence the flow (x, y) and the confidence, and the strength of the grain.
    still: as in the correspondence.  light: [h, w, 3], added to what is the layer's own.
    generated: [h', w', 3] and alpha: [h, w], what stands where nothing is.  tile: its grain, or None.
    background: gaps that the layer's background fills instead.
    """

    guide: np.ndarray
    still: np.ndarray
    light: np.ndarray
    generated: np.ndarray
    alpha: np.ndarray
    tile: np.ndarray | None
    background: list[Continuation]


class _Place(NamedTuple):
    """Rows and columns of the region, whose size (height, width) is `size`."""

    rows: slice
    columns: slice
    size: tuple[int, int]

    def of(self, image: np.ndarray, mode: int = LINEAR) -> np.ndarray:
        """The part of `image` [h, w] or [h, w, C], which covers the whole region, enlarged to the region's size."""
        y, x = (
            (np.arange(part.start, part.stop, dtype=np.float32) + 0.5) * (small / large) - 0.5
            for part, small, large in zip((self.rows, self.columns), image.shape[:2], self.size, strict=True)
        )
        return read(image, np.dstack(np.broadcast_arrays(x.astype(np.float32), y.astype(np.float32)[:, None])), mode)

    def pixels(self) -> np.ndarray:
        """(x, y) of the pixels, as `read` wants them."""
        x, y = (np.arange(part.start, part.stop, dtype=np.float32) for part in (self.columns, self.rows))
        return np.dstack(np.broadcast_arrays(x, y[:, None]))


class _Shown:
    """How much of each pixel of the result is to be seen."""

    def __init__(self, changed: np.ndarray, mask: np.ndarray | None, fade: tuple[np.ndarray, np.ndarray]) -> None:
        """changed: [h, w], 0 .. 1.  mask: uint8 [height, width].  fade: [height] and [width], 0 .. 1."""
        self.changed, self.mask, self.fade = changed, mask, fade
        self.selected = None if mask is None else _selected(mask, (changed.shape[0], changed.shape[1]))

    def at(self, place: _Place) -> np.ndarray:
        """Uint8 [n, m]."""
        shown = 255 * place.of(self.changed) * np.minimum(self.fade[0][place.rows, None], self.fade[1][place.columns])
        if self.mask is not None and self.selected is not None:
            shown = shown * place.of(self.selected) * (self.mask[place.rows, place.columns] / np.float32(255))
        return np.rint(shown).astype(np.uint8)


def _maps(source: np.ndarray, found: Correspondence, now: torch.Tensor) -> _Maps:
    size = found.confidence.shape
    # enlarged as it was when it was shown to the model
    mode = cv2.INTER_AREA if source.shape[0] >= size[0] else cv2.INTER_LANCZOS4
    small = cv2.resize(source, (size[1], size[0]), interpolation=mode).astype(np.float32)
    alpha = found.carried(small[..., 3])
    missed = small[..., :3] - 127.5 * (found.start + 1)  # what the generator cannot show of the layer's colours
    shown = np.exp(-np.square(blur(np.abs(missed).max(axis=2), 1.0) / MISPLACED)) * small[..., 3] / 255
    shown = found.carried(shown.astype(np.float32))
    known = found.confidence
    light = _light(found)
    colours = weighted_blur(found.carried(missed), known * shown, COLOUR_BLUR, FAR)
    painted = now.permute(1, 2, 0).contiguous().float().cpu().numpy()
    generated = 127.5 * (painted + 1) + cv2.resize(colours, painted.shape[1::-1])
    grain = grain_strength(source, size)
    strength = weighted_blur(found.carried(grain), known, COLOUR_BLUR, FAR)
    needed = float((strength * (1 - known)).sum() / max(float((1 - known).sum()), 1e-6))
    at_model_size = resample(generated, size)
    return _Maps(
        np.dstack([found.flow, known, strength]),
        found.still,
        light,
        generated,
        _alpha_of_painted(alpha, found),
        grain_tile(source, grain, needed),
        continue_background(source, found, at_model_size),
    )


def _light(found: Correspondence) -> np.ndarray:
    """How much brighter each place has become where it is the layer's own, [h, w, 3], 0 .. 255."""
    change = found.end - found.carried(found.start)
    fits = np.exp(-np.square(np.abs(change).max(axis=2) / LIGHT_MOST))  # beside an outline, more is the outline
    light = weighted_blur(change, (found.confidence * fits).astype(np.float32), LIGHT_BLUR, FAR)
    # what stayed seldom changes its light, but the generator often makes a halo around what moved
    unseen = LIGHT_SEEN + (LIGHT_SEEN_STILL - LIGHT_SEEN) * resample(found.still, light.shape)[..., None]
    return 127.5 * np.sign(light) * np.maximum(np.abs(light) - unseen, 0)


def _alpha_of_painted(alpha: np.ndarray, found: Correspondence) -> np.ndarray:
    """[h, w], 0 .. 255: that of the background around where the generator paints background, else the subject's."""
    if alpha.min() > 254.5:  # opaque
        return alpha
    still = resample(found.still, alpha.shape)
    like = np.clip(2 * like_background(found.end, found.background) - 0.5, 0, 1)  # one or the other, but at edges
    # each as far as it is not the edge of the other
    ground = found.background * ((1 - alpha / 255) ** 4 + 1e-3)
    subject = found.confidence * (1 - still) * ((alpha / 255) ** 4 + 1e-3)
    behind, before = (weighted_blur(alpha, part.astype(np.float32), 2.0, FAR) for part in (ground, subject))
    mixed = (like * behind + (1 - like) * before).astype(np.float32)
    return ((mixed - TRACE) / (255 - 2 * TRACE)).clip(0, 1) * 255


def _put_together(source: np.ndarray, layer: np.ndarray, maps: _Maps, rows: slice, columns: slice) -> np.ndarray:
    """The result's pixels at these rows and columns, uint8 [n, m, 4]."""
    place = _Place(rows, columns, source.shape[:2])
    guide, still = place.of(maps.guide), place.of(maps.still)[..., None]
    sure = guide[..., 2:3]
    values = _own(source, place, guide[..., :2], still, maps)
    if sure.min() < SURE:
        painted = _painted(source, maps, place, guide[..., 3:])
        values = painted + sure * (values - painted)
    pixels = np.rint(values.clip(0, 255, out=values), out=values).astype(np.uint8)
    hidden = pixels[..., 3] == 0  # the colours of transparent pixels are nobody's business: they stay
    if hidden.any():
        pixels[hidden, :3] = layer[rows, columns][hidden, :3]
    return pixels


def _own(source: np.ndarray, place: _Place, flow: np.ndarray, still: np.ndarray, maps: _Maps) -> np.ndarray:
    """The layer's own pixels, in their place or moved there, with the light that has changed: float32 [n, m, 4]."""
    values = source[place.rows, place.columns].astype(np.float32)
    if still.min() < SURE:
        scale = np.divide(source.shape[1::-1], maps.guide.shape[1::-1], dtype=np.float32)
        moved = read_sharp(source, place.pixels() + flow * scale)
        values = moved + still * (values - moved)
    values[..., :3] += place.of(maps.light)
    return values


def _painted(source: np.ndarray, maps: _Maps, place: _Place, strength: np.ndarray) -> np.ndarray:
    """What stands where nothing of the layer can be moved, float32 [n, m, 4], 0 .. 255."""
    colours = place.of(maps.generated, CUBIC)
    if maps.tile is not None:
        colours += strength * laid(maps.tile, place.rows, place.columns)
    painted = np.dstack([colours, place.of(maps.alpha)])
    for gap in maps.background:
        share = place.of(gap.share)[..., None]
        if not share.any():
            continue
        beside = read(source, place.pixels() + np.array(gap.offset, np.float32)).astype(np.float32)
        beside[..., :3] += place.of(gap.light)
        painted += share * (beside - painted)
    return painted


def _with_colours_everywhere(original: np.ndarray, inverted: np.ndarray) -> np.ndarray:
    """`original` with the generator's colours where it is fully transparent: its own can be anything there."""
    if original[..., 3].all():
        return original
    result = original.copy()
    for rows, columns in _blocks(np.ones((1, 1)), original.shape[:2]):
        part = result[rows, columns]
        behind = _Place(rows, columns, original.shape[:2]).of(inverted, CUBIC)
        hidden = part[..., 3] == 0
        part[hidden, :3] = (127.5 * (behind[hidden].clip(-1, 1) + 1)).round().astype(np.uint8)
    return result


def _blocks(changed: np.ndarray, size: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the picture (height, width) that cover all of `changed` [h, w], in blocks of BLOCK."""
    rows = _extent(changed.max(axis=1) > 0, size[0])
    for down in _cut(rows):
        near = changed[_shrunk(down, changed.shape[0] / size[0])].max(axis=0)
        if not near.any():
            continue
        for across in _cut(_extent(near > 0, size[1])):
            if near[_shrunk(across, changed.shape[1] / size[1])].any():
                yield down, across


def _cut(whole: slice) -> Iterator[slice]:
    for start in range(whole.start, whole.stop, BLOCK):
        yield slice(start, min(start + BLOCK, whole.stop))


def _shrunk(part: slice, scale: float) -> slice:
    """What enlarging by 1 / scale takes for this part of the enlarged."""
    return slice(max(int(part.start * scale) - 1, 0), math.ceil(part.stop * scale) + 1)


def _extent(seen: np.ndarray, length: int) -> slice:
    """Where enlarging `seen` [n] to `length` can give more than 0; it reaches half a pixel beyond."""
    where, scale = np.flatnonzero(seen), length / len(seen)
    return slice(max(int((int(where[0]) - 1) * scale), 0), min(math.ceil((int(where[-1]) + 2) * scale), length))


def _soft(area: np.ndarray, grow: float, feather: float) -> np.ndarray:
    """The bool `area` [h, w], grown by `grow` of the shorter side and feathered beyond that: 0 .. 1."""
    shorter = min(area.shape)
    wide = max(round(feather * shorter), 1)
    reach = round(grow * shorter) + 2 * wide
    soft = cv2.dilate(area.astype(np.float32), np.ones((2 * reach + 1,) * 2, np.uint8))
    for _ in range(2):  # two box filters make a tent; the area was grown by its reach, so that it stays whole
        soft = cv2.blur(soft, (2 * wide + 1,) * 2, borderType=cv2.BORDER_REPLICATE)
    return soft


def _selected(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The selection at `size` (h, w), its edge feathered inwards; nothing beyond it is let through."""
    small = np.asarray(Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.BOX))
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
