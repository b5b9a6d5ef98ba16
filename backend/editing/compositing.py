"""The layer after an edit: its own pixels, moved; the generator's only where nothing of the layer can be moved.

The original's pixels are moved by the optical flow from the start to now. What the generator changed smoothly there is
added as light. Where the flow cannot be trusted (something came to light, or changed its look) stands what the
generator shows, in the colours that the layer has around it and with its grain, or the layer's own background where
that goes on. Alpha moves along. Far from every change the result is the layer, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from PIL import Image

from backend.editing.background import bare_background, keep_background
from backend.editing.blocks import Block, blocks_over
from backend.editing.correspondence import SEEN, Correspondence, EditImages, find_correspondence
from backend.editing.filters import blur, resample, weighted_blur
from backend.editing.inpainting import Inpainting, inpaint
from backend.editing.matte import end_matte, start_matte
from backend.editing.misplaced import follow_misplaced, shows_background
from backend.editing.optical_flow import CUBIC, read_sharp
from backend.editing.outlines import align_outlines, drop_traces
from backend.editing.placement import laid_in_place
from backend.editing.region import Region, resized

CHANGE_SEEN = 0.06  # of -1 .. 1: a pixel that changed by this much is in the changed area
GROW = 0.02  # of the region's shorter side: how far the changed area reaches beyond
FEATHER = 0.02  # of the region's shorter side: how soft its edge is
SIDES = 0.12  # of the region's shorter side: how far from a side inside the layer the motion of what crosses it fades
AT_SIDE = 0.1  # of that way: what moves so near to the side crosses it
SELECTION_FEATHER = 0.005  # the same for the selection's edge, which may be meant sharp
FLOW_BLUR = 1.5  # pixels of the model's image
LIGHT_BLUR, FAR = 5.0, 24.0  # the same
LIGHT_SEEN, LIGHT_SEEN_STILL = 0.02, 0.1  # of -1 .. 1: a smaller change of light is none; of what stayed in place
LIGHT_MOST = 0.3  # of -1 .. 1: a larger one is something else
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
    """Compose the layer after an edit.

    Args:
        layer: uint8 [height, width, 4], the region's part of the artist's layer.
        original: the same of the layer that the edit started from; layer itself, unless that is already a result.
        images: what the generator shows of the edit, from its start to now.
        previous: [3, h, w], -1 .. 1, what it shows of `layer`: the changed area is counted from there.
        mask: uint8 [height, width], the region's part of the selection, or None.
        region: where these parts lie on the layer.
        layer_size: (height, width) of the whole layer.

    Returns:
        The result layer, uint8 [height, width, 4], and its changed-area mask, uint8 [height, width].
    """
    images, previous = laid_in_place(images, previous, region)
    now = images.image(1.0).clamp(-1, 1)
    difference = (now - previous.clamp(-1, 1)).abs().amax(dim=0).cpu().numpy()
    result, visible = layer.copy(), np.zeros(layer.shape[:2], np.uint8)
    if not (difference > CHANGE_SEEN).any():
        return result, visible
    found, composed = _composition(layer, original, images, now, region, layer_size)
    changed = _changed(difference, found)
    selected = None if mask is None else _selected(resized(mask, changed.shape, Image.Resampling.BOX))
    shown = _Shown(changed, mask, selected, region, layer_size)
    _fill(result, visible, composed, shown, blocks_over(changed, layer.shape[:2]))
    return result, visible


def _fill(
    result: np.ndarray, visible: np.ndarray, composed: _Composition, shown: _Shown, blocks: Iterable[Block]
) -> None:
    """Write the blocks of a result and of its mask, in place."""

    def put(block: Block) -> None:
        result[block.slices] = composed.at(block)
        visible[block.slices] = shown.at(block)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # OpenCV and numpy work without the interpreter's lock
        list(pool.map(put, blocks))


def _composition(
    layer: np.ndarray,
    original: np.ndarray,
    images: EditImages,
    now: torch.Tensor,
    region: Region,
    layer_size: tuple[int, int],
) -> tuple[Correspondence, _Composition]:
    found = find_correspondence(images)
    source = _with_colours_everywhere(original, found.start)
    small = _at_size_of(found, source)
    found = follow_misplaced(found, small)
    start, end = start_matte(found, small), end_matte(found, found.warp(small))
    bare = bare_background(found, start, small)
    found = found._replace(flow=blur(found.flow, FLOW_BLUR))  # enlarged, its noise would comb what it stretches
    found = align_outlines(found, start, end)
    found = _held_at_sides(found, small, region, layer_size)
    found = drop_traces(keep_background(found, end, bare, small), start, end)
    return found, _Composition(source, layer, found, inpaint(source, small, found, end, bare, now))


def _held_at_sides(
    found: Correspondence, small: np.ndarray, region: Region, layer_size: tuple[int, int]
) -> Correspondence:
    """Let the motion of what crosses a side inside the layer fade towards it, so that it is not torn there.

    small: [h, w, 4], 0 .. 255, the layer at the size of the correspondence.
    """
    centres = [
        ((np.arange(count) + 0.5) * length / count).astype(np.float32)
        for count, length in zip(found.confidence.shape, region.box[:1:-1], strict=True)
    ]
    free = region.inside(centres[1], centres[0], layer_size, SIDES * region.shorter_side)
    subject = ~found.background & (shows_background(small, found) < 0.5)
    moved = np.linalg.norm(found.flow, axis=2) > SEEN
    crossing = subject & moved & (free < AT_SIDE)  # what comes to the side only now was not cut by it
    if not crossing.any():
        return found
    reach = round(SIDES * min(found.confidence.shape))
    near = blur(cv2.dilate(crossing.astype(np.float32), np.ones((4 * reach + 1,) * 2, np.uint8)), reach / 2)
    free = 1 - near * (1 - free * free * (3 - 2 * free))
    return found._replace(flow=found.flow * free[..., None], confidence=1 - (1 - found.confidence) * free)


class _Shown:
    """How much of each pixel of the result is to be seen."""

    def __init__(
        self,
        changed: np.ndarray,
        mask: np.ndarray | None,
        selected: np.ndarray | None,
        region: Region,
        layer_size: tuple[int, int],
    ) -> None:
        """changed, selected: [h, w], 0 .. 1.  mask: uint8 [height, width].  The others are as compose() has them."""
        self.changed, self.mask, self.selected = changed, mask, selected
        self.region, self.layer_size = region, layer_size

    def at(self, block: Block) -> np.ndarray:
        """Uint8 [n, m]."""
        y, x = (np.arange(part.start, part.stop, dtype=np.float32) + 0.5 for part in block.slices)
        # it fades where what the model sees ends inside the layer
        fade = self.region.inside(x, y, self.layer_size, max(2 * FEATHER * self.region.shorter_side, 1))
        shown = 255 * block.enlarged(self.changed) * fade
        if self.mask is not None and self.selected is not None:
            shown = shown * block.enlarged(self.selected) * (self.mask[block.slices] / np.float32(255))
        return np.rint(shown).astype(np.uint8)


def _at_size_of(found: Correspondence, source: np.ndarray) -> np.ndarray:
    """`source` as the model was shown it, float32 [h, w, 4], 0 .. 255."""
    height, width = found.confidence.shape
    mode = cv2.INTER_AREA if source.shape[0] >= height else cv2.INTER_LANCZOS4
    return cv2.resize(source, (width, height), interpolation=mode).astype(np.float32)


def _light(found: Correspondence) -> np.ndarray:
    """How much brighter each place has become where it is the layer's own, [h, w, 3], 0 .. 255."""
    change = found.end - found.warp(found.start)
    fits = np.exp(-np.square(np.abs(change).max(axis=2) / LIGHT_MOST))  # beside an outline, more is the outline
    light = weighted_blur(change, (found.confidence * fits).astype(np.float32), LIGHT_BLUR, FAR)
    # what stayed seldom changes its light, but the generator often makes a halo around what moved
    unseen = LIGHT_SEEN + (LIGHT_SEEN_STILL - LIGHT_SEEN) * resample(found.still, light.shape)[..., None]
    return 127.5 * np.sign(light) * np.maximum(np.abs(light) - unseen, 0)


class _Composition:
    """The result's pixels: the layer's own, in their place or moved there, and painted ones."""

    def __init__(self, source: np.ndarray, layer: np.ndarray, found: Correspondence, inpainting: Inpainting) -> None:
        """source, layer: uint8 [H, W, 4], of the original, with colours everywhere, and the artist's."""
        self.source, self.layer, self.inpainting = source, layer, inpainting
        self.guide = np.dstack([found.flow, found.confidence])
        self.still, self.light = found.still, _light(found)

    def at(self, block: Block) -> np.ndarray:
        """Uint8 [n, m, 4]."""
        guide = block.enlarged(self.guide)
        values, sure = self._own(block, guide[..., :2]), guide[..., 2:]
        if sure.min() < SURE:
            painted = self.inpainting.at(block, self.source)
            values = painted + sure * (values - painted)
        pixels = np.rint(values.clip(0, 255, out=values), out=values).astype(np.uint8)
        hidden = pixels[..., 3] == 0  # the colours of transparent pixels are nobody's business: they stay
        if hidden.any():
            pixels[hidden, :3] = self.layer[block.slices][hidden, :3]
        return pixels

    def _own(self, block: Block, flow: np.ndarray) -> np.ndarray:
        """The layer's own pixels, with the light that has changed: float32 [n, m, 4]."""
        still = block.enlarged(self.still)[..., None]
        values = self.source[block.slices].astype(np.float32)
        if still.min() < SURE:
            scale = np.divide(self.source.shape[1::-1], self.guide.shape[1::-1], dtype=np.float32)
            warped = read_sharp(self.source, block.pixels() + flow * scale)
            values = warped + still * (values - warped)
        values[..., :3] += block.enlarged(self.light)
        return values


def _with_colours_everywhere(original: np.ndarray, inverted: np.ndarray) -> np.ndarray:
    """`original` with the generator's colours where it is fully transparent: its own can be anything there."""
    if original[..., 3].all():
        return original
    result = original.copy()
    for block in blocks_over(np.ones((1, 1)), original.shape[:2]):
        part = result[block.slices]
        behind = block.enlarged(inverted, CUBIC)
        hidden = part[..., 3] == 0
        part[hidden, :3] = (127.5 * (behind[hidden].clip(-1, 1) + 1)).round().astype(np.uint8)
    return result


def _changed(difference: np.ndarray, found: Correspondence) -> np.ndarray:
    """The changed area, [h, w], 0 .. 1, of the difference that the generator shows: it, and all that moved."""
    moved = cv2.resize(found.moved.astype(np.uint8), difference.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return _soft((difference > CHANGE_SEEN) | moved, GROW, FEATHER)


def _soft(area: np.ndarray, grow: float, feather: float) -> np.ndarray:
    """The bool `area` [h, w], grown by `grow` of the shorter side and feathered beyond that: 0 .. 1."""
    shorter = min(area.shape)
    wide = max(round(feather * shorter), 1)
    reach = round(grow * shorter) + 2 * wide
    soft = cv2.dilate(area.astype(np.float32), np.ones((2 * reach + 1,) * 2, np.uint8))
    for _ in range(2):  # two box filters make a tent; the area was grown by its reach, so that it stays whole
        soft = cv2.blur(soft, (2 * wide + 1,) * 2, borderType=cv2.BORDER_REPLICATE)
    return soft


def _selected(small: np.ndarray) -> np.ndarray:
    """`small`, uint8 [h, w], the selection at the model's size, feathered inwards; nothing beyond it is let through."""
    return 1 - _soft(small == 0, 0, SELECTION_FEATHER)
