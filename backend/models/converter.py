"""The process in which a foreign model file is read and converted: `python -m backend.models.converter`.

It takes a Job as JSON on its standard input and writes a Done, or one sentence and the exit code 2. Whatever a broken
file makes it do, it ends with this process; its memory is limited where the system can.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, JsonValue

import stylegan2
from backend.editing.pixels import to_pixels
from backend.editing.preset import preset_for
from backend.editing.sampling import sample
from backend.errors import UserError
from stylegan2.errors import ModelError
from stylegan2.files import sha256_of

REFUSED = 2  # exit code
# Bytes of data (not of address space: torch maps libraries of many gigabytes without reading them). The largest
# published model takes less than three.
MOST_MEMORY = 8 << 30
SEEDS, PSI, SIDE = range(4), 0.7, 128  # of the samples; their longer side in pixels


class Job(BaseModel):
    """What is to be converted, or only to be sampled where `target` is None.

    Attributes:
        source: any file that stylegan2.load() reads.
        sha256: of it, None where that does not matter.
        target: the safetensors file to be written.
        sheet: the PNG file to be written.
        name, licence, origin: for the file's metadata; None leaves what the source says.
        preset: goes under the preset that the source brings.
        own_preset: goes over it.
        usable_height: rows in the middle of its images that show anything, None for all.
    """

    model_config = ConfigDict(extra="forbid")

    source: Path
    sheet: Path
    sha256: str | None = None
    target: Path | None = None
    name: str | None = None
    licence: str | None = None
    origin: str | None = None
    preset: dict[str, JsonValue] = {}
    own_preset: dict[str, JsonValue] = {}
    usable_height: int | None = None


class Done(BaseModel):
    """What came of it: the checksum of what was written, and what its metadata say of its source."""

    sha256: str
    origin: str


def main() -> int:
    """Do the job on standard input; return the exit code."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # pyright: ignore[reportAttributeAccessIssue]
    _limit_itself()
    try:
        print(convert(Job.model_validate_json(sys.stdin.read())).model_dump_json())
    except (ModelError, UserError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    except (MemoryError, RuntimeError) as error:  # torch's own for too little memory is a RuntimeError
        print(f"The model file cannot be read ({type(error).__name__}: {_one_line(error)}).", file=sys.stderr)
        return REFUSED
    return 0


def convert(job: Job) -> Done:
    """Read a model, write it as ours, and draw four of its samples. Raises ModelError, UserError."""
    model = stylegan2.load(job.source)
    if job.sha256 is not None and model.sha256 != job.sha256:
        raise ModelError(f"The model file {job.source} changed while it was read; try again.")
    given = {"name": job.name, "licence": job.licence, "source": job.origin}
    preset = {**job.preset, **model.metadata.preset, **job.own_preset}
    model.metadata = dataclasses.replace(
        model.metadata, preset=preset, **{key: value for key, value in given.items() if value is not None}
    )
    preset_for(model)
    if job.target is not None:
        stylegan2.save(model, job.target)
    sheet(model, job.usable_height).save(job.sheet, format="PNG")
    return Done(sha256=sha256_of(job.target) if job.target else model.sha256, origin=model.metadata.source)


def sheet(model: stylegan2.Model, usable_height: int | None = None) -> Image.Image:
    """Draw four samples side by side, RGB, each at most SIDE pixels wide and high, of the first class if it has any."""
    label = 0 if model.generator.c_dim else None
    height = model.generator.image_size[0]
    band = (height - min(usable_height or height, height)) // 2
    images = []
    for seed in SEEDS:
        w_plus = sample(model.generator, seed, PSI, label)
        pixels = to_pixels(model.generator.synthesis(w_plus, noise_mode="const"))
        image = Image.fromarray(pixels[band : height - band])
        scale = SIDE / max(image.size)
        size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        images.append(np.asarray(image.resize(size, Image.Resampling.LANCZOS)))
    return Image.fromarray(np.concatenate(images, axis=1))


def _limit_itself() -> None:
    """Leave the processor to a drag, and the memory to other programs, where the system can."""
    if sys.platform == "win32":  # its starter has seen to the processor; the memory cannot be limited so
        return
    import resource

    with contextlib.suppress(OSError):
        os.nice(10)
    with contextlib.suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))


def _one_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


if __name__ == "__main__":
    sys.exit(main())
