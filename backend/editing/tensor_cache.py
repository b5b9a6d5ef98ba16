"""What takes long to compute, remembered in memory and on disk: inversions, their drafts, and tuned weights."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from backend.errors import UserError
from backend.files import written_whole

# An inversion has some kilobytes, the drafts of a model six megabytes, tuned weights from one megabyte to sixty.
MOST_IN_MEMORY, MOST_BYTES_IN_MEMORY = 32, 128 << 20  # entries, and bytes of all of them
MOST_ON_DISK, MOST_BYTES_ON_DISK = 256, 512 << 20

Tensors = Mapping[str, torch.Tensor]


class TensorCache:
    """Named tensors by whatever decides them: of an inversion, the model, the pixels, the region and the settings.

    The least recently used go first, but the last one stays. What cannot be read or written is as if it had never been
    there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Args:
        folder: where entries are kept for the next process; None for memory only.
        """
        self.folder = folder
        self._memory: OrderedDict[str, Tensors] = OrderedDict()

    def get(self, *key: object) -> Tensors | None:
        """Return what put() was given with this key, on the CPU, or None."""
        name = _name(key)
        found = self._memory.get(name) or self._read(name)
        if found is not None:
            self._remember(name, found)
        return found

    def put(self, tensors: Tensors, *key: object) -> None:
        """Keep `tensors` under a key."""
        name = _name(key)
        self._remember(name, {part: tensor.detach().cpu().contiguous() for part, tensor in tensors.items()})
        self._write(name, self._memory[name])

    def clear(self) -> None:
        """Forget everything. Raises OSError where a file cannot be deleted."""
        self._memory = OrderedDict()
        for file in self.folder.glob("*.safetensors") if self.folder else ():
            file.unlink(missing_ok=True)

    def _remember(self, name: str, tensors: Tensors) -> None:
        self._memory[name] = tensors
        self._memory.move_to_end(name)
        sizes = [sum(tensor.nbytes for tensor in entry.values()) for entry in self._memory.values()]
        for _ in range(_superfluous(sizes, MOST_IN_MEMORY, MOST_BYTES_IN_MEMORY)):
            self._memory.popitem(last=False)

    def _read(self, name: str) -> Tensors | None:
        if self.folder is None:
            return None
        file = self.folder / name
        try:
            tensors = safetensors.torch.load(file.read_bytes())  # no memory map: Windows cannot replace a mapped file
            file.touch()  # used just now
        except (OSError, safetensors.SafetensorError, KeyError, ValueError):
            return None
        return tensors if all(bool(tensor.isfinite().all()) for tensor in tensors.values()) else None

    def _write(self, name: str, tensors: Tensors) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            with written_whole(self.folder / name) as temporary:
                temporary.write_bytes(safetensors.torch.save(dict(tensors)))
            known = [(file.stat(), file) for file in self.folder.glob("*.safetensors")]
            known.sort(key=lambda entry: entry[0].st_mtime_ns)
            sizes = [status.st_size for status, _ in known]
            for _, file in known[: _superfluous(sizes, MOST_ON_DISK, MOST_BYTES_ON_DISK)]:
                file.unlink(missing_ok=True)
        except (OSError, UserError):  # a full disk costs the next inversion, not this drag
            return


def _superfluous(sizes: Sequence[int], most: int, most_bytes: int) -> int:
    """How many entries have to go.

    Args:
        sizes: bytes of each, the least recently used first.
    """
    kept, total = 0, 0
    for size in reversed(sizes):
        total += size
        if kept == most or (kept and total > most_bytes):
            break
        kept += 1
    return len(sizes) - kept


def _name(key: tuple[object, ...]) -> str:
    return hashlib.sha256("\n".join(map(str, key)).encode()).hexdigest() + ".safetensors"
