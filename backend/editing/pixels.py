"""Between images as bytes and images as the networks make them."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
import torch.nn.functional as F

GROUND = 0.7  # of 0 .. 1: how dark, or how light, the ground behind a cut-out is
GROUND_WEIGHT = 0.3  # beside a pixel of the subject
OUTLINE = 9  # pixels, across: so near to what is transparent is the outline


def to_pixels(image: torch.Tensor) -> np.ndarray:
    """[1, 3, h, w], -1 .. 1 and beyond, to uint8 [h, w, 3]."""
    values = (image[0].clamp(-1, 1) + 1) * 127.5
    return values.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def digest(pixels: np.ndarray) -> str:
    """SHA-256 of an image, its size included."""
    sha256 = hashlib.sha256(repr(pixels.shape).encode())
    sha256.update(np.ascontiguousarray(pixels).data)
    return sha256.hexdigest()


def to_model(pixels: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Uint8 [h, w, 4] to the image [1, 3, h, w], -1 .. 1, and its weight [1, 1, h, w], 0 .. 1, from alpha."""
    values = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None].to(device)
    return values[:, :3] / 127.5 - 1, values[:, 3:] / 255


def over_ground(image: torch.Tensor, weight: torch.Tensor, inside: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay an image with alpha over a plain ground: a dark or a light one, whichever its outline differs from more.

    Without one the generator shows behind a cut-out what it likes best, often in the subject's own colours, and nobody
    could tell where the subject ends once it has moved.

    Args:
        image: [1, 3, H, W], -1 .. 1.
        weight: [1, 1, H, W], 0 .. 1, its alpha.
        inside: [1, 1, H, W], 0 .. 1, where the layer is; beyond it nothing is known.

    Returns:
        The image, and how much a pixel of it counts [1, 1, H, W].
    """
    outline = F.max_pool2d(1 - weight, OUTLINE, 1, OUTLINE // 2) * weight
    tone = float((image.mean(dim=1, keepdim=True) * outline).sum() / outline.sum().clamp(min=1e-6))
    ground = -GROUND if tone > 0 else GROUND
    counts = weight + GROUND_WEIGHT * (inside - weight).clamp(0)
    return torch.lerp(torch.full_like(image, ground), image, weight), counts
