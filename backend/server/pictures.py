"""Pictures that came from outside: decoded with limits on their size and kind, refused with one sentence."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from backend.errors import UserError

MOST_PIXELS = 64_000_000
EIGHT_BIT = {"RGB", "RGBA", "L", "LA", "P"}


def read_image(path: str | Path | None) -> np.ndarray:
    """The image of the request as uint8 [H, W, 4] (RGBA); opaque where it has no alpha. Raises UserError."""
    if path is None:
        raise UserError("The request brings no image; send the layer as a PNG file.")
    return np.asarray(_decode(Path(path), "image", "RGBA"))


def read_mask(path: str | Path | None, size: tuple[int, int]) -> np.ndarray | None:
    """The mask as uint8 [H, W], white = may move, or None where there is none.

    size: (H, W) of the image, which the mask must have. Raises UserError.
    """
    if path is None:
        return None
    mask = np.asarray(_decode(Path(path), "mask", "L"))
    if mask.shape != size:
        raise UserError(
            f"The mask is {mask.shape[1]} x {mask.shape[0]} pixels but the image is {size[1]} x {size[0]}; "
            "send a mask of the image's size."
        )
    return mask


def write(path: Path, pixels: np.ndarray) -> str:
    """Write `pixels`, uint8 [h, w] or [h, w, 4], as PNG; returns the path as text."""
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG", compress_level=1)
    return str(path)


def _decode(path: Path, what: str, mode: str) -> Image.Image:
    not_png = UserError(f"The {what} is not a PNG picture that can be read; send an 8-bit PNG file.")
    try:
        with Image.open(path, formats=["PNG"]) as image:
            _check(image, what)
            return image.convert(mode)
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(what) from None
    except (OSError, ValueError, SyntaxError, EOFError, zlib.error):
        raise not_png from None


def _check(image: ImageFile.ImageFile, what: str) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(what)
    stored = str(image.tile[0].args) if image.tile else ""
    if image.mode not in EIGHT_BIT or ";16" in stored:
        raise UserError(f"The {what} is not an 8-bit PNG; send 8 bits per channel, as RGB, RGBA or grey.")


def _too_large(what: str) -> UserError:
    return UserError(
        f"The {what} has more than {MOST_PIXELS // 1_000_000} million pixels; make the layer smaller."
    )
