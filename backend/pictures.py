"""Pictures that came from outside: decoded with limits on their size and kind, refused with one sentence."""

from __future__ import annotations

import io
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps

from backend.client import png
from backend.errors import UserError
from backend.files import written_whole

MOST_PIXELS = 64_000_000
PAINTED_SIDE = 1024  # pixels that a mask may have that is painted while something is dragged
PNG = ("PNG",)
FILES = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
ROWS = 64  # of a PNG file written at a time
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, zlib.error)  # what Pillow raises for a damaged file
EIGHT_BIT = {"RGB", "RGBA", "L", "LA", "P"}


def read_image(path: str | Path | None, formats: Sequence[str] = PNG) -> np.ndarray:
    """Read an image, turned as its EXIF data says, opaque where it has no alpha.

    Args:
        path: the file; None is refused with a sentence of its own.
        formats: Pillow's names of the file formats that may be opened.

    Returns:
        uint8 [H, W, 4], RGBA.

    Raises:
        UserError: it is missing, too large, or no image of these formats.
    """
    if path is None:
        raise UserError("The request brings no image; send the layer as a PNG file.")
    return np.asarray(_decode(Path(path), "image", "RGBA", formats))


def read_mask(path: str | Path | None, size: tuple[int, int], formats: Sequence[str] = PNG) -> np.ndarray | None:
    """Read a mask.

    Args:
        path: the file, or None.
        size: (H, W) of the image, which the mask must have.
        formats: Pillow's names of the file formats that may be opened.

    Returns:
        uint8 [H, W], white = may move, or None without a file.

    Raises:
        UserError: it is missing, too large, no image of these formats, or of another size.
    """
    if path is None:
        return None
    mask = np.asarray(_decode(Path(path), "mask", "L", formats))
    if mask.shape != size:
        raise UserError(
            f"The mask is {mask.shape[1]} x {mask.shape[0]} pixels but the image is {size[1]} x {size[0]}; "
            "give a mask of the image's size."
        )
    return mask


def decode_mask(data: bytes) -> np.ndarray:
    """Read a mask, of any size up to PAINTED_SIDE, from a PNG file's bytes.

    Returns:
        uint8 [h, w], white = may move.

    Raises:
        UserError: it is too large, or no PNG file.
    """
    try:
        with Image.open(io.BytesIO(data), formats=PNG) as image:
            if max(image.size) > PAINTED_SIDE:
                raise UserError(f"The mask has more than {PAINTED_SIDE} pixels on a side; make it smaller.")
            _check(image, "mask")
            return np.asarray(image.convert("L"))
    except UserError:
        raise
    except (*_BROKEN, Image.DecompressionBombError):
        raise UserError("The mask cannot be read as a picture; give an 8-bit PNG file.") from None


def enlarged_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a mask, uint8 [h, w], at the size (height, width)."""
    return np.asarray(Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def check_output(path: Path, ending: str = ".png") -> None:
    """Check that a file can be written: before the work, not after it.

    Args:
        path: the file.
        ending: which its name must have.

    Raises:
        UserError: it cannot.
    """
    if path.suffix.lower() != ending:
        raise UserError(
            f"The result is written as {ending[1:].upper()}; give a name that ends in {ending}, not {path}."
        )
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} does not exist; make it or choose another.")
    try:
        if path.is_dir():
            raise IsADirectoryError
        with tempfile.TemporaryFile(dir=path.parent):  # only trying tells: permissions say nothing to root
            pass
    except OSError:
        raise UserError(f"{path} cannot be written; choose a folder you can write to.") from None


def write(path: Path, pixels: np.ndarray) -> str:
    """Write a PNG file, whole or not at all.

    Args:
        path: the file.
        pixels: uint8 [h, w], [h, w, 3] or [h, w, 4].

    Returns:
        The path as text.

    Raises:
        UserError: it cannot be written.
    """
    with written_whole(path) as temporary:
        Image.fromarray(np.ascontiguousarray(pixels)).save(temporary, format="PNG", compress_level=1)
    return str(path)


def write_plain(path: Path, pixels: np.ndarray) -> str:
    """Write a PNG file as `write` does, but uncompressed, for files that stay on this machine: it saves seconds.

    Args:
        path: the file.
        pixels: uint8 [h, w] or [h, w, 4].
    """
    height, width = pixels.shape[:2]
    strips = (pixels[top : top + ROWS].tobytes() for top in range(0, height, ROWS))  # all: as much memory again
    with written_whole(path) as temporary:
        png.write(temporary, width, height, pixels[0, 0].size, strips)
    return str(path)


def _decode(path: Path, what: str, mode: str, formats: Sequence[str]) -> Image.Image:
    kinds = " or ".join((", ".join(formats[:-1]), formats[-1])) if len(formats) > 1 else formats[0]
    unreadable = UserError(f"The {what} {path.name} cannot be read as a picture; give an 8-bit {kinds} file.")
    if not path.is_file():
        raise UserError(f"The {what} {path} does not exist; check its path.")
    try:
        with Image.open(path, formats=list(formats)) as image:
            _check(image, what)
            ImageOps.exif_transpose(image, in_place=True)
            return image if image.mode == mode else image.convert(mode)
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(what) from None
    except _BROKEN:
        raise unreadable from None


def _check(image: ImageFile.ImageFile, what: str) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(what)
    stored = str(image.tile[0].args) if image.tile else ""
    if image.mode not in EIGHT_BIT or ";16" in stored:
        raise UserError(f"The {what} is not an 8-bit picture; give 8 bits per channel, as RGB, RGBA or grey.")


def _too_large(what: str) -> UserError:
    return UserError(f"The {what} has more than {MOST_PIXELS // 1_000_000} million pixels; make the layer smaller.")
