"""What is saved of an edit: the codes it started and ended with, and the path between."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic
import safetensors
import safetensors.torch
import torch

import stylegan2
from backend.editing.fit import Fit
from backend.editing.pivotal_tuning import digest_of, weights_fit, with_weights
from backend.editing.pixels import digest
from backend.editing.region import Region
from backend.editing.settings import EDITABLE, EXACT, Likeness
from backend.errors import UserError
from backend.files import written_whole

VERSION = 2
FORMAT = "draggan-edit"
TUNED = "tuned."  # before the names of generator weights that belong to this edit alone
# Bytes of tuned weights that go with a layer: GIMP hands its data to Python number by number (3.0.4 on a busy machine:
# 4 MB take 1.5 s to attach and 1 s to read, 16 MB 8.5 s and 6.5 s), and writes it into the XCF uncompressed, with every
# result layer anew. More than 256 MiB it would not read again (its xcf-load.c).
MOST_CARRIED = 4 << 20


@dataclasses.dataclass(frozen=True)
class EditState:
    """An edit that can be gone on from.

    model_name, model_sha256: the model the codes belong to.
    image_sha256: of the region's pixels that start_w_plus shows.
    on_result: whether the layer at hand is the result of the edit, and not the image that it began with.
    region: where on the layer the model's image lies.
    start_w_plus, w_plus: [1, num_ws, w_dim] float32, the inverted code and the present one.
    path: [T, num_ws, w_dim] float32, codes between the two, in order.
    inversion_psnr: dB, None for a sampled image.
    fit: how well the model shows the image that the edit began with, None where nobody has looked.
    tuned: generator weights that belong to this edit (by their names in the generator), empty without tuning.
    tuned_sha256: of such weights that are not here, but in the cache of the backend that tuned them; else empty.
    """

    model_name: str
    model_sha256: str
    image_sha256: str
    region: Region
    start_w_plus: torch.Tensor
    w_plus: torch.Tensor
    path: torch.Tensor
    inversion_psnr: float | None = None
    on_result: bool = False
    fit: Fit | None = None
    tuned: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    tuned_sha256: str = ""

    @property
    def likeness(self) -> Likeness:
        """How like its image the edit began. Nothing has to be tuned to a sample, which the model made."""
        return EXACT if self.tuned or self.tuned_sha256 or self.inversion_psnr is None else EDITABLE

    def check_image(self, model: stylegan2.Model, image: np.ndarray) -> None:
        """Check that the edit can be gone on from with a model and an image.

        An edit on its own result knows no more of that image than its size.

        Args:
            model: the one that is to go on.
            image: uint8 [H, W, 4], the whole layer.

        Raises:
            UserError: the edit belongs to another model or another image, or its tuned weights are not there.
        """
        if self.model_sha256 != model.sha256:
            raise UserError(
                f"The edit was made with the model {self.model_name!r}; choose that model to go on from it."
            )
        generator, part = model.generator, self.region.crop(image)
        fits = part.shape[:2] == (self.region.height, self.region.width)
        fits = fits and self.start_w_plus.shape[1:] == (generator.num_ws, generator.w_dim)
        fits = fits and self.region.model_size == generator.image_size
        if not fits or (not self.on_result and self.image_sha256 != digest(part)):
            raise UserError("The edit was made on another picture; give that picture, or start without the edit.")
        if self.tuned_sha256:
            raise UserError("The edit's tuned weights are not remembered any more; start without the edit.")
        if not weights_fit(generator, self.tuned):
            raise UserError("The edit holds weights that do not fit its model; start without the edit.")

    def tuned_generator(self, generator: stylegan2.Generator) -> stylegan2.Generator:
        """Return a copy of the model's generator with the tuned weights, or itself where there are none."""
        return with_weights(generator, self.tuned) if self.tuned else generator

    def carried(self) -> EditState:
        """Return the edit as a layer can carry it: of more than MOST_CARRIED bytes of tuned weights only their hash."""
        if sum(2 * tensor.numel() for tensor in self.tuned.values()) <= MOST_CARRIED:
            return self
        return dataclasses.replace(self, tuned={}, tuned_sha256=digest_of(self.tuned))

    def completed(self, weights_of: Callable[[str], Mapping[str, torch.Tensor] | None]) -> EditState:
        """Return the edit with the tuned weights that it only names, if `weights_of` their hash returns them."""
        tuned = weights_of(self.tuned_sha256) if self.tuned_sha256 else None
        return self if tuned is None else dataclasses.replace(self, tuned=tuned, tuned_sha256="")

    def continued(self, region: Region) -> EditState:
        """Return the start of a next edit, on the result of this one.

        Start and path are kept: the next edit moves the pixels that this one began with by the whole motion, since
        pixels that are moved anew with each edit get softer each time.

        Args:
            region: where the model's image lies on the result.
        """
        return dataclasses.replace(self, region=region, on_result=True)

    def restarted(self, image_sha256: str) -> EditState:
        """Return the same edit as if it began with the image at hand, whose hash is given."""
        here = {"start_w_plus": self.w_plus, "path": self.w_plus}
        return dataclasses.replace(self, image_sha256=image_sha256, on_result=False, **here)

    def save(self, path: str | Path) -> None:
        """Write the edit as safetensors, tuned weights as float16; the file appears whole or not at all.

        Raises UserError.
        """
        path = Path(path)
        tensors = {"start_w_plus": self.start_w_plus, "w_plus": self.w_plus, "path": self.path}
        tensors = {name: tensor.float() for name, tensor in tensors.items()}
        tensors |= {TUNED + name: tensor.half() for name, tensor in self.tuned.items()}
        with written_whole(path) as temporary:
            temporary.write_bytes(
                safetensors.torch.save(
                    {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
                    {"format": FORMAT, "edit": self._record().model_dump_json()},
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
                record = _Record.parse((file.metadata() or {})["edit"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            codes = {name: tensors.pop(name) for name in ("start_w_plus", "w_plus", "path")}
            _check_codes(codes)
        except UserError as error:
            raise UserError(f"The edit file {path} cannot be used. {error}") from error
        except (OSError, safetensors.SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise UserError(f"{path} is not a saved edit; give a file that --save-edit wrote.") from error
        saved = {name: getattr(record, name) for name in _Record.model_fields if name != "version"}
        tuned = {name.removeprefix(TUNED): tensor for name, tensor in tensors.items()}
        return cls(**saved, **codes, tuned=tuned)

    def _record(self) -> _Record:
        return _Record(
            version=VERSION,
            model_name=self.model_name,
            model_sha256=self.model_sha256,
            image_sha256=self.image_sha256,
            region=self.region,
            inversion_psnr=self.inversion_psnr,
            on_result=self.on_result,
            fit=self.fit,
            tuned_sha256=self.tuned_sha256,
        )


class _Record(pydantic.BaseModel):
    """What is saved of an EditState besides its tensors, under the same names."""

    model_config = pydantic.ConfigDict(protected_namespaces=())  # pydantic's own is model_

    version: Literal[2]
    model_name: str
    model_sha256: str
    image_sha256: str
    region: Region
    inversion_psnr: pydantic.FiniteFloat | None
    on_result: bool
    fit: Fit | None = None
    tuned_sha256: str = ""  # of version 1 nothing is tuned

    @classmethod
    def parse(cls, text: str) -> _Record:
        """Validate what save() wrote, now or in version 1. Raises ValueError, and KeyError where a name is missing."""
        record = json.loads(text)
        if record["version"] == 1:
            record = _from_version_1(record)
        elif record["version"] != VERSION:
            raise UserError("It is of another version of this program; make the edit again.")
        return cls.model_validate(record)


def _from_version_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """Rename what version 1 named otherwise; its first edits on a result had no hash instead of "carried"."""
    image_sha256 = record["picture_sha256"]
    on_result = record.get("carried", not image_sha256)
    return {**record, "version": VERSION, "image_sha256": image_sha256, "on_result": on_result}


def _check_codes(codes: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError unless the codes are finite and of one shape."""
    start = codes["start_w_plus"]
    if start.ndim != 3 or start.shape[0] != 1 or codes["w_plus"].shape != start.shape:
        raise ValueError("codes of unequal shape")
    if codes["path"].ndim != 3 or codes["path"].shape[1:] != start.shape[1:] or not len(codes["path"]):
        raise ValueError("no path from start to end")
    if not all(bool(np.isfinite(code.numpy()).all()) for code in codes.values()):
        raise ValueError("codes that are not finite")
