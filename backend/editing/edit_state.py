"""What is saved of an edit: the codes it started and ended with, the way between, and what was asked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from backend.editing.points import Drag
from backend.editing.region import Region
from backend.editing.settings import DragSettings, read_settings
from backend.errors import UserError
from backend.files import written_whole

VERSION = 1
FORMAT = "draggan-edit"
PATH_LENGTH = 64  # codes kept of the way
TUNED = "tuned."  # before the names of generator weights that belong to this edit alone


@dataclasses.dataclass(frozen=True)
class EditState:
    """An edit that can be gone on from.

    model_name, model_sha256: the model the codes belong to.
    picture_sha256: of the region's pixels that start_w_plus shows.
    carried: whether the picture at hand is what the edit has made of these pixels, and not these themselves.
    region: where on the layer the model's image lies.
    start_w_plus, w_plus: [1, num_ws, w_dim] float32, the inverted code and the present one.
    path: [T, num_ws, w_dim] float32, codes between the two, in order.
    drags, points: what was asked in the last drag, and where the tracker saw its handles at the end (layer pixels).
    settings: of the last drag, or None before the first.
    inversion_psnr: dB, None for a sampled picture.
    tuned: generator weights that belong to this edit (by their names in the generator), empty without tuning.
    """

    model_name: str
    model_sha256: str
    picture_sha256: str
    region: Region
    start_w_plus: torch.Tensor
    w_plus: torch.Tensor
    path: torch.Tensor
    drags: tuple[Drag, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    settings: DragSettings | None = None
    inversion_psnr: float | None = None
    carried: bool = False
    tuned: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=dict)

    def carried_over(self, region: Region) -> EditState:
        """The start of a next edit, on the picture that this one has made; `region` is its place on that picture.

        Start and way are kept: the next edit moves the pixels that this one began with by the whole motion, since
        pixels that are moved anew with each edit get softer each time.
        """
        return dataclasses.replace(self, region=region, carried=True, drags=(), points=(), settings=None)

    def restarted(self, picture_sha256: str) -> EditState:
        """The same edit as if it began here, with the picture at hand, whose hash this is."""
        here = {"start_w_plus": self.w_plus, "path": self.w_plus}
        return dataclasses.replace(self, picture_sha256=picture_sha256, carried=False, **here)

    def save(self, path: str | Path) -> None:
        """Write the edit as safetensors; the file appears whole or not at all.  Raises UserError."""
        path = Path(path)
        tensors = {"start_w_plus": self.start_w_plus, "w_plus": self.w_plus, "path": self.path}
        tensors |= {TUNED + name: tensor for name, tensor in self.tuned.items()}
        with written_whole(path) as temporary:
            temporary.write_bytes(
                safetensors.torch.save(
                    {name: tensor.detach().float().cpu().contiguous().clone() for name, tensor in tensors.items()},
                    {"format": FORMAT, "edit": json.dumps(self._record())},
                )
            )

    @classmethod
    def load(cls, path: str | Path) -> EditState:
        """Read what save() wrote.  Raises UserError when the file is anything else."""
        path = Path(path)
        if not path.is_file():
            raise UserError(f"The edit file {path} does not exist; check its path.")
        try:
            with safetensors.safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                record = json.loads(metadata["edit"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            if record["version"] != VERSION:
                raise UserError(f"The edit file {path} is of another version of this program; make the edit again.")
            return cls._from_record(record, tensors)
        except UserError:
            raise
        except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is not a saved edit; give a file that --save-edit wrote.") from error

    def _record(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "model_name": self.model_name,
            "model_sha256": self.model_sha256,
            "picture_sha256": self.picture_sha256,
            "region": dataclasses.asdict(self.region),
            "drags": [dataclasses.asdict(drag) for drag in self.drags],
            "points": [list(point) for point in self.points],
            "settings": None if self.settings is None else dataclasses.asdict(self.settings),
            "inversion_psnr": self.inversion_psnr,
            "carried": self.carried,
        }

    @classmethod
    def _from_record(cls, record: dict[str, Any], tensors: dict[str, torch.Tensor]) -> EditState:
        codes = {name: tensors.pop(name) for name in ("start_w_plus", "w_plus", "path")}
        start = codes["start_w_plus"]
        if start.ndim != 3 or start.shape[0] != 1 or codes["w_plus"].shape != start.shape:
            raise ValueError("codes of unequal shape")
        if codes["path"].ndim != 3 or codes["path"].shape[1:] != start.shape[1:] or not len(codes["path"]):
            raise ValueError("no way from start to end")
        if not all(bool(np.isfinite(code.numpy()).all()) for code in codes.values()):
            raise ValueError("codes that are not finite")
        region = record["region"]
        height, width = region["model_size"]
        settings = record["settings"]
        return cls(
            model_name=str(record["model_name"]),
            model_sha256=str(record["model_sha256"]),
            picture_sha256=str(record["picture_sha256"]),
            region=Region(
                int(region["x"]), int(region["y"]), int(region["width"]), int(region["height"]), (height, width)
            ),
            **codes,
            drags=tuple(_drag(entry) for entry in record["drags"]),
            points=tuple(_point(entry) for entry in record["points"]),
            settings=None if settings is None else _settings(settings),
            inversion_psnr=record["inversion_psnr"],
            carried=bool(record.get("carried", not record["picture_sha256"])),  # edits of 0.1 had no hash instead
            tuned={name.removeprefix(TUNED): tensor for name, tensor in tensors.items()},
        )


def _settings(entry: Any) -> DragSettings:
    try:
        return read_settings(DragSettings, entry)
    except UserError as error:
        raise ValueError(str(error)) from error  # the sentence for the artist names the file instead


def _point(entry: Any) -> tuple[float, float]:
    x, y = entry
    return float(x), float(y)


def _drag(entry: Any) -> Drag:
    return Drag(_point(entry["handle"]), _point(entry["target"]), tuple(_point(point) for point in entry["via"]))


class CodePath:
    """Codes of the way, thinned evenly so that they never number more than PATH_LENGTH."""

    def __init__(self, before: torch.Tensor) -> None:
        """before: [T, num_ws, w_dim], the way that was made already."""
        self._codes = list(before.cpu().unbind(0))
        self._last = self._codes[-1]
        self._every, self._seen = 1, 0

    def add(self, w_plus: torch.Tensor) -> None:
        """Go on to `w_plus` [1, num_ws, w_dim]."""
        self._last = w_plus[0].cpu()
        if self._seen % self._every == 0:
            self._codes.append(self._last)
        self._seen += 1
        if len(self._codes) >= PATH_LENGTH:
            self._codes, self._every = self._codes[::2], 2 * self._every

    def codes(self) -> torch.Tensor:
        """The way [T, num_ws, w_dim], its last code the present one."""
        return torch.stack([*self._codes, self._last])
