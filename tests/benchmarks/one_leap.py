"""The layer as version 0.1 put it together, to be compared with: its motion was estimated in one leap."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

LONGEST_SIDE = 256  # images are seen at this size at most: motion is smooth, and finer costs seconds
COARSEST_SIDE = 16
STEPS = 60  # of Adam on each level but the finest: those start near their end, and a step on them takes long
FINE = 64  # levels of a longer side than this have as many fewer steps
STEP_SIZE = 0.25  # pixels of the level
SMOOTHNESS = 0.3  # weight of the squared difference of neighbouring motions, in pixels of the level
SMALL = 0.01  # of -1 .. 1: differences below count as squares, so that Adam settles
CHANGE_SEEN, UNEXPLAINED = 0.06, 0.25  # of -1 .. 1
GROW = FEATHER = 0.02  # of the side


@torch.no_grad()
def one_leap(layer: np.ndarray, inverted: torch.Tensor, edited: torch.Tensor) -> np.ndarray:
    """The layer uint8 [S, S, 3] after the edit: layer + (edited - inverted), its detail moved along.

    inverted, edited: [3, h, w], -1 .. 1, the model's images before and after.
    """
    size, model = layer.shape[:2], inverted.shape[1:]
    changed = _soft((edited - inverted).abs().amax(dim=0) > CHANGE_SEEN)
    motion = estimate_motion(inverted, edited) * changed
    residual = (_read(inverted[None], motion[None])[0] - edited).abs().amax(dim=0)
    others = torch.cat([torch.exp(-(residual / UNEXPLAINED).square())[None], motion, changed[None]])[None]
    double = (2 * model[0], 2 * model[1])
    others = F.interpolate(others, double, mode="bilinear", align_corners=False)
    before, after = (F.interpolate(i[None], double, mode="bicubic", align_corners=False) for i in (inverted, edited))
    added = after - others[:, :1] * _read(before, others[:, 1:3], "bicubic")
    added = F.interpolate(added, size, mode="bicubic", align_corners=False)
    explained, moves, shown = F.interpolate(others, size, mode="bilinear", align_corners=False).split([1, 2, 1], dim=1)
    image = torch.from_numpy(layer).permute(2, 0, 1)[None].float() / 127.5 - 1
    result = (added + explained * _read(image, moves)).clamp(-1, 1)
    mixed = image + shown * (result - image)
    return ((mixed[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()


def _soft(seen: torch.Tensor) -> torch.Tensor:
    wide = max(round(FEATHER * min(seen.shape)), 1)
    reach = round(GROW * min(seen.shape)) + 2 * wide
    soft = F.max_pool2d(seen[None, None].float(), 2 * reach + 1, stride=1, padding=reach)
    for _ in range(2):
        soft = F.avg_pool2d(F.pad(soft, (wide,) * 4, mode="replicate"), 2 * wide + 1, stride=1)
    return soft[0, 0]


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
