"""The command frames of `python -m backend`: an edit's motion as numbered pictures, or as an animation."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.motion_frames import Motion
from backend.errors import UserError
from backend.files import replace, written_whole
from backend.models import device, models
from backend.pictures import FILES, check_output, read_image, write

ANIMATIONS = {".webp": "WEBP", ".gif": "GIF", ".png": "PNG"}  # Pillow's names; an animated PNG is a PNG file, too
MILLISECONDS = 100  # of a frame, as GIMP plays layers
COUNT, FEWEST, MOST = 24, 2, 240
DETAIL = {"quality": 90}  # of WebP, the only one that leaves some out


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add frames. It sets `run`, which takes the arguments and returns the exit code."""
    frames = subparsers.add_parser("frames", help="take the motion of an edit away, as pictures or an animation")
    frames.add_argument("edit", type=Path, metavar="EDIT", help="what drag --save-edit wrote")
    frames.add_argument("image", type=Path, metavar="IMAGE", help="the picture that was dragged, or the result")
    frames.add_argument("--count", type=int, default=COUNT, metavar="N", help="of the frames (default: %(default)s)")
    frames.add_argument("--model", metavar="NAME|FILE", help="default: the edit's")
    frames.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER|FILE",
        help=f"a new folder for numbered pictures, or an animation ({', '.join(ANIMATIONS)})",
    )  # fmt: skip
    frames.set_defaults(run=_frames)


def _frames(arguments: argparse.Namespace) -> int:
    output, count = arguments.output, arguments.count
    if not FEWEST <= count <= MOST:
        raise UserError(f"{count} frames cannot be made; give a --count from {FEWEST} to {MOST}.")
    animated = output.suffix.lower() in ANIMATIONS
    check_output(output, output.suffix.lower()) if animated else _check_folder(output)
    edit, image = EditState.load(arguments.edit), read_image(arguments.image, FILES)
    on = device.best()
    motion = Motion(Editor(models.open_model(arguments.model or edit.model_name, on), on), edit, image)
    motion.check_picture()
    if animated:
        with tempfile.TemporaryDirectory() as folder:
            _write_animation(output, _write_pictures(Path(folder), motion, image, count))
        print(f"The animation is {output}.")
    else:
        with _folder_written_whole(output) as folder:
            _write_pictures(folder, motion, image, count)
        print(f"The {count} pictures are in {output}.")
    return 0


def _write_pictures(folder: Path, motion: Motion, image: np.ndarray, count: int) -> list[Path]:
    """Write the whole picture at each place of the way, and return the files in their order."""
    files, picture = [], image.copy()
    for frame in tqdm(motion.frames(count), desc="Moving the picture", unit="frame", total=count, dynamic_ncols=True):
        motion.region.crop(picture)[:] = frame.pixels
        files.append(folder / f"frame-{frame.step:04}.png")
        write(files[-1], picture)
    return files


def _write_animation(path: Path, files: Sequence[Path]) -> None:
    """Write an animation that plays again and again. Raises UserError."""
    pictures = [Image.open(file) for file in files]
    if all(picture.getchannel("A").getextrema() == (255, 255) for picture in pictures):
        pictures = [picture.convert("RGB") for picture in pictures]
    kind = ANIMATIONS[path.suffix.lower()]
    try:
        with written_whole(path) as temporary:
            pictures[0].save(
                temporary, format=kind, save_all=True, append_images=pictures[1:], duration=MILLISECONDS, loop=0,
                **(DETAIL if kind == "WEBP" else {}),
            )  # fmt: skip
    except ValueError as error:  # a picture larger than the format can hold
        raise UserError(f"The animation cannot be written as {kind} ({error}); give a folder instead.") from error


def _check_folder(path: Path) -> None:
    """Check that a new folder can be made: before the work, not after it. Raises UserError."""
    if path.suffix:
        raise UserError(
            f"Frames are written as {', '.join(ANIMATIONS)}, or into a folder; give such a name, not {path}."
        )
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise UserError(f"{path} is there already; name a new folder for the pictures.")
    check_output(path.with_suffix(".png"))


@contextmanager
def _folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield a folder beside `path` that takes its name at the end; when anything fails, nothing is left of it."""
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        temporary.chmod(0o755)  # as a folder that is made without ado
        yield temporary
        if path.is_dir():  # empty; Windows renames nothing onto it
            path.rmdir()
        replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path} could not be written ({error.strerror or error}); choose another folder.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
