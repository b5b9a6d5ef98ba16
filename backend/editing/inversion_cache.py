"""Inverted codes, remembered in memory and on disk: a picture that was inverted once is open at once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch

from backend.errors import UserError
from backend.files import written_whole

VERSION = 1  # to be raised when invert() finds other codes: those of before are not to be found any more
MOST_IN_MEMORY = 32  # codes of some kilobytes each
MOST_ON_DISK = 256


class Inversion(NamedTuple):
    """w_plus: [1, num_ws, w_dim] float32, on the CPU.  psnr: dB."""

    w_plus: torch.Tensor
    psnr: float


class InversionCache:
    """Inversions by whatever decides them: the model, the pixels, the region, the settings.

    The least recently used go first. What cannot be read or written is as if it had never been there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """folder: where they are kept for the next process, or None for memory only."""
        self.folder = folder
        self._memory: OrderedDict[str, Inversion] = OrderedDict()

    def get(self, *key: object) -> Inversion | None:
        """Return the inversion that put() was given with this key, or None."""
        name = _name(key)
        found = self._memory.get(name) or self._read(name)
        if found is not None:
            self._remember(name, found)
        return found

    def put(self, inversion: Inversion, *key: object) -> None:
        """Keep an inversion."""
        name = _name(key)
        self._remember(name, Inversion(inversion.w_plus.detach().float().cpu().contiguous(), inversion.psnr))
        self._write(name, self._memory[name])

    def _remember(self, name: str, inversion: Inversion) -> None:
        self._memory[name] = inversion
        self._memory.move_to_end(name)
        while len(self._memory) > MOST_IN_MEMORY:
            self._memory.popitem(last=False)

    def _read(self, name: str) -> Inversion | None:
        if self.folder is None:
            return None
        file = self.folder / name
        try:
            with safetensors.safe_open(file, "pt") as opened:
                w_plus, psnr = opened.get_tensor("w_plus"), float((opened.metadata() or {})["psnr"])
            file.touch()  # used just now
        except (OSError, safetensors.SafetensorError, KeyError, ValueError):
            return None
        usable = w_plus.ndim == 3 and w_plus.dtype == torch.float32 and bool(w_plus.isfinite().all())
        return Inversion(w_plus, psnr) if usable else None

    def _write(self, name: str, inversion: Inversion) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            with written_whole(self.folder / name) as temporary:
                content = safetensors.torch.save({"w_plus": inversion.w_plus}, {"psnr": repr(inversion.psnr)})
                temporary.write_bytes(content)
            files = sorted(self.folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
            for file in files[:-MOST_ON_DISK]:
                file.unlink(missing_ok=True)
        except (OSError, UserError):  # a full disk costs the next inversion, not this drag
            return


def _name(key: tuple[object, ...]) -> str:
    return hashlib.sha256("\n".join(map(str, (VERSION, *key))).encode()).hexdigest() + ".safetensors"
