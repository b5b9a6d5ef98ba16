"""Images of toy animals from factors: one ray through every pixel, four more where neighbours differ.

Everything is deterministic: the same factors give the same image (on the same device and torch version to
the bit).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from stylegan2.critters.making import shading
from stylegan2.critters.making.anatomy import Animal, animals
from stylegan2.critters.making.landmarks import LANDMARKS, head_width, landmark, landmarks
from stylegan2.critters.making.rays import cast, march

__all__ = ["LANDMARKS", "head_width", "landmark", "landmarks", "render"]

# Pixels whose colour differs so much from a neighbour's (sum over red, green and blue) are rendered with more
# rays.
EDGE = 0.135
# Where those four rays go, relative to the pixel's centre: a rotated grid.
SUBPIXELS = ((-0.375, -0.125), (0.125, -0.375), (-0.125, 0.375), (0.375, 0.125))
CPU_RAYS = 65_536  # rays at a time, about 256 kB for each intermediate result
GPU_RAYS = 2_097_152  # what a GPU needs to be busy, at about 1 kB each


@torch.no_grad()
def render(factors: Tensor, height: int, width: int | None = None, device: str | torch.device = "cpu") -> Tensor:
    """Factors `[N, 36]` in [0, 1] -> images uint8 `[N, 3, height, width]` on `device`, red, green, blue.

    The square scene fills the height. An image wider than high continues it left and right, a narrower one
    cuts it; without a width the image is square. Raises ValueError for factors of another shape or a size
    below 1.
    """
    width = height if width is None else width
    if height < 1 or width < 1:
        raise ValueError(f"A picture has at least 1 x 1 pixels, not {width} x {height}.")
    scenes = animals(torch.as_tensor(factors, dtype=torch.float32).to(device))
    pixels = torch.arange(scenes.count * height * width, device=device)
    colour = _trace(pixels, torch.zeros(2, 1, device=device), scenes, height, width)
    image = colour.view(3, scenes.count, height, width).transpose(0, 1).contiguous()
    edges = _edges(image).flatten().nonzero()[:, 0]
    offsets = torch.tensor(SUBPIXELS, device=device).T.repeat(1, len(edges))
    finer = _trace(edges.repeat_interleave(len(SUBPIXELS)), offsets, scenes, height, width)
    colour[:, edges] = finer.view(3, len(edges), len(SUBPIXELS)).mean(2)
    image = colour.view(3, scenes.count, height, width).transpose(0, 1)
    return (image * 255 + 0.5).to(torch.uint8).contiguous()


def _trace(pixels: Tensor, offsets: Tensor, scenes: Animal, height: int, width: int) -> Tensor:
    """Colours `[3, P]` seen through the pixels with the numbers `[P]` in a stack of N images.

    `offsets` `[2, P or 1]`, right and down, in pixels, say where in the pixel the ray goes; 0 is its centre.
    """
    colours = torch.empty(3, len(pixels), device=pixels.device)
    for span, animal in _portions(pixels // (height * width), scenes):
        right, down = offsets[:, span] if offsets.shape[1] > 1 else offsets
        x, y = pixels[span] % width + right + 0.5, pixels[span] // width % height + down + 0.5
        u, v = (2 * x - width) / height, 1 - 2 * y / height
        colours[:, span] = trace(u, v, animal)
    return colours


def trace(u: Tensor, v: Tensor, animal: Animal) -> Tensor:
    """Colours [3, N], 0 .. 1, at the places (u, v) [N] of the image plane: v upwards, its height from -1 to 1."""
    rays = cast(u, v, animal)
    distance = march(rays)
    colours = shading.background(rays)
    hit = distance.isfinite().nonzero()[:, 0]
    if len(hit):
        colours[:, hit] = shading.surface(rays.select(hit), distance[hit])
    return shading.tone(colours)


def _portions(owner: Tensor, scenes: Animal) -> Iterator[tuple[slice, Animal]]:
    """Cut rays, whose animals have the ascending numbers `[P]`, into portions, with the animals of each."""
    size = CPU_RAYS if owner.device.type == "cpu" else GPU_RAYS
    for start in range(0, len(owner), size):
        span = slice(start, start + size)
        first, last = int(owner[span][0]), int(owner[span][-1])
        # Rays of one animal share its numbers, rays of several have a copy each.
        yield span, scenes.at(slice(first, first + 1) if first == last else owner[span])


def _edges(image: Tensor) -> Tensor:
    """Pixels `[N, H, W]` that differ from one of their four neighbours, images `[N, 3, H, W]`."""
    edges = torch.zeros_like(image[:, 0], dtype=torch.bool)
    across = (image[..., 1:] - image[..., :-1]).abs().sum(1) > EDGE
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().sum(1) > EDGE
    edges[..., 1:] |= across
    edges[..., :-1] |= across
    edges[:, 1:] |= down
    edges[:, :-1] |= down
    return edges
