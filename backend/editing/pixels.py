"""Between images as bytes and images as the networks make them."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


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
