"""A result as a part of the layer: where it differs, and what the layer becomes under it."""

from __future__ import annotations

import numpy as np
from PIL import Image

STRIP = 500_000  # pixels at a time: a layer of 6000 x 4000 must not take gigabytes


def changed_part(before: np.ndarray, after: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns with all pixels in which two images, uint8 [H, W, 4], differ; where none do, of one pixel."""
    differ = (before.view(np.uint32) != after.view(np.uint32))[..., 0]
    rows, columns = (np.flatnonzero(differ.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def composite_over(image: np.ndarray, layer: np.ndarray, mask: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    """What `image` (uint8 [H, W, 4]) becomes with `layer`, seen through `mask`, in its place at `offset` (x, y).

    Where the mask is 0 the image is as it was, bit for bit. Alpha is mixed like the colours, which count as much
    as they are seen.
    """
    result, (x, y), (height, width) = image.copy(), offset, mask.shape
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
