"""Resampling and blurring, also of what is known in some places only."""

from __future__ import annotations

import cv2
import numpy as np

FAR_SHARE = 0.02  # what the wide blur weighs, so that it only counts where the narrow one knows nothing


def resample(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """`image` [H, W] or [H, W, C] at `size` (h, w, ...): the mean of what falls on a pixel, linear where enlarged."""
    height, width = size[:2]
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur of `image` [h, w] or [h, w, C]; sigma in pixels."""
    return cv2.GaussianBlur(image, (0, 0), sigma)


def weighted_blur(image: np.ndarray, weight: np.ndarray, sigma: float, far: float) -> np.ndarray:
    """The mean of `image` [h, w] or [h, w, C] around each pixel, as far as `weight` [h, w] knows it.

    sigma, far: pixels; the wider Gaussian decides where the narrow one finds no weight.
    """
    weights = weight if image.ndim == 2 else weight[..., None]
    total = blur(image * weights, sigma) + FAR_SHARE * blur(image * weights, far)
    known = blur(weight, sigma) + FAR_SHARE * blur(weight, far) + 1e-6
    return total / (known if image.ndim == 2 else known[..., None])
