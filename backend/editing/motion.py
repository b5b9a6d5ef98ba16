"""Dense motion between the images before and after, so that what the model can't show moves along with the subject."""

from __future__ import annotations

import torch
import torch.nn.functional as F

LONGEST_SIDE = 256  # images are seen at this size at most: motion is smooth, and finer costs seconds
COARSEST_SIDE = 16
STEPS = 60  # of Adam on each level but the finest: those start near their end, and a step on them takes long
FINE = 64  # levels of a longer side than this have as many fewer steps
STEP_SIZE = 0.25  # pixels of the level
SMOOTHNESS = 0.3  # weight of the squared difference of neighbouring motions, in pixels of the level
SMALL = 0.01  # of -1 .. 1: differences below count as squares, so that Adam settles


def estimate_motion(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Where the content of `after` was in `before`: [2, h, w], (x, y) to add, as a share of the image's width/height.

    before, after: [3, h, w], -1 .. 1.  after(p) is about before(p + motion(p)).  Coarse to fine: each level starts
    with the motion of the one before and minimises the difference of the images plus that of neighbouring motions.
    """
    before, after = before[None], after[None]
    sizes = [tuple(before.shape[2:])]
    while max(sizes[-1]) > LONGEST_SIDE:
        sizes[-1] = (sizes[-1][0] // 2, sizes[-1][1] // 2)
    while min(sizes[-1]) // 2 >= COARSEST_SIDE:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    motion = before.new_zeros(1, 2, *sizes[-1])
    for size in reversed(sizes):
        motion = F.interpolate(motion, size, mode="bilinear", align_corners=False)
        pair = (F.interpolate(image, size, mode="area") for image in (before, after))
        motion = _refine(motion, *pair)
    return F.interpolate(motion, before.shape[2:], mode="bilinear", align_corners=False)[0]


def moved(image: torch.Tensor, motion: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """`image` [C, H, W] read at p + motion(p): the image before, moved to where its content is after.

    motion: [2, H, W], as a share of the image's width and height.  Reads beyond the border give the border.
    """
    return _read(image[None], motion[None], mode)[0]


def sample(image: torch.Tensor, place: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """`image` [C, H, W] read at `place` [h, w, 2], (x, y) from -1 to 1 between the image's corners: [C, h, w]."""
    # grid_sample shares out pictures among the cores, not rows: so these are as many pictures of some rows each
    rows, parts = len(place), torch.get_num_threads() if place.device.type == "cpu" else 1
    each = -(-rows // parts)
    place = F.pad(place, (0, 0, 0, 0, 0, parts * each - rows)).unflatten(0, (parts, each))
    images = image.expand(parts, *image.shape)
    read = F.grid_sample(images, place, mode=mode, padding_mode="border", align_corners=False)
    return read.transpose(0, 1).flatten(1, 2)[:, :rows]


def _read(image: torch.Tensor, motion: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    height, width = motion.shape[2:]
    x = (torch.arange(width, device=motion.device) + 0.5) * (2 / width) - 1
    y = (torch.arange(height, device=motion.device) + 0.5) * (2 / height) - 1
    grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)]) + 2 * motion
    return F.grid_sample(image, grid.permute(0, 2, 3, 1), mode=mode, padding_mode="border", align_corners=False)


@torch.enable_grad()
def _refine(motion: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """`motion` [1, 2, h, w] after some steps of Adam on images of its own size."""
    to_share = motion.new_tensor([1 / motion.shape[3], 1 / motion.shape[2]]).view(1, 2, 1, 1)
    pixels = (motion / to_share).detach().requires_grad_()
    optimizer = torch.optim.Adam([pixels], lr=STEP_SIZE)
    for _ in range(min(STEPS, STEPS * FINE // max(before.shape[2:]))):
        difference = ((_read(before, pixels * to_share) - after).square() + SMALL**2).sqrt().mean()
        rough_x = (pixels[..., 1:] - pixels[..., :-1]).square().mean()
        rough_y = (pixels[..., 1:, :] - pixels[..., :-1, :]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        (difference + SMOOTHNESS * (rough_x + rough_y)).backward()
        optimizer.step()
    return (pixels * to_share).detach()
