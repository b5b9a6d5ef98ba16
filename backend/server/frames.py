"""Motion frames for a client: made one by one, then sent in one file, without what stays the same in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from backend.client import png
from backend.editing.editor import Editor
from backend.editing.layers import changed_part
from backend.editing.motion_frames import Motion
from backend.errors import UserError
from backend.server.job_queue import JobControl
from backend.server.progress import Throttle
from backend.server.protocol import Frames, Preview, Update
from backend.server.requests import FramesJob
from backend.server.result_files import NO_FILES, Files, ResultFiles


def make_frames(
    job: FramesJob, editor: Editor, files: ResultFiles, control: JobControl
) -> Iterator[tuple[Update, Files]]:
    """Make the frames of a job.

    Args:
        job: of a client.
        editor: has the edit's model.
        files: where the frames are written.
        control: of the job; it is asked whether to go on after each frame.

    Yields:
        (update, files); the last update has the phase "done" and comes with the file.

    Raises:
        UserError: the edit has no motion or does not fit the layer, or there is no room for the frames.
    """
    motion, count = Motion(editor, job.edit, job.image, job.original), job.options.count
    try:
        folder = files.new_folder(control.session)
        with open(folder / "frames", "w+b") as raw:
            written = _Written(raw, motion.anchor)
            yield from _made(motion, job, written, Throttle(control.cancelled.is_set))
            written.save(folder / "frames.png")
        (folder / "frames").unlink()
    except OSError as error:
        raise UserError(
            f"The backend cannot store the frames in {files.folder} ({error.strerror or error}); make room there, or "
            "ask for fewer frames."
        ) from error
    x, y = written.columns.start, written.rows.start
    offset = motion.region.x + x, motion.region.y + y
    done = Frames(count=count, offset=offset, from_original=_is_original(motion, job), place=(x, y))
    yield Update(phase="done", message="Done.", frames=done), (str(folder / "frames.png"), None, None)


def _made(motion: Motion, job: FramesJob, written: _Written, throttle: Throttle) -> Iterator[tuple[Update, Files]]:
    count = job.options.count
    throttle.check()
    for frame in motion.frames(count, job.mask):
        written.add(frame.pixels)
        update = Update(phase="frames", step=frame.step, steps=count, message=f"Frame {frame.step} of {count}.")
        shown = {"preview": Preview.of(frame.pixels[..., :3]), "region": motion.region.box}
        yield update.model_copy(update=shown), NO_FILES
        throttle.check()


def _is_original(motion: Motion, job: FramesJob) -> bool:
    """Whether the frames are made of what the client sent apart from the layer."""
    return motion.anchor is job.original


class _Written:
    """Frames in a file as they come, until it is known which part of them is needed."""

    def __init__(self, raw: BinaryIO, anchor: np.ndarray) -> None:
        """raw: open for reading, too.  anchor: uint8 [h, w, 4], which they are compared with."""
        self._raw, self._anchor, self._count = raw, anchor, 0
        self.rows, self.columns = slice(anchor.shape[0], 0), slice(anchor.shape[1], 0)

    def add(self, pixels: np.ndarray) -> None:
        """Write a frame, uint8 [h, w, 4]."""
        self._raw.write(np.ascontiguousarray(pixels).data)
        self._count += 1
        if (pixels != self._anchor).any():
            rows, columns = changed_part(self._anchor, np.ascontiguousarray(pixels))
            self.rows = _both(self.rows, rows)
            self.columns = _both(self.columns, columns)

    def save(self, path: Path) -> None:
        """Write the needed part of all frames, below each other, as a plain PNG file."""
        if self.rows.stop == 0:  # nothing changes
            self.rows = self.columns = slice(0, 1)
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        self._raw.seek(0)
        png.write(path, width, self._count * height, 4, (self._next().tobytes() for _ in range(self._count)))

    def _next(self) -> np.ndarray:
        pixels = np.frombuffer(self._raw.read(self._anchor.size), np.uint8).reshape(self._anchor.shape)
        return pixels[self.rows, self.columns]


def _both(one: slice, other: slice) -> slice:
    return slice(min(one.start, other.start), max(one.stop, other.stop))
