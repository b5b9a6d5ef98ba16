"""Tensors out of a pickle's inert nodes, by reading their bytes; torch.load is never called.

torch.storage._load_from_bytes holds a pickle inside the pickle: what torch.save(storage) wrote in its old
format. Its five short pickles go through the same inert reader; the numbers behind them are taken as is.
In a .pt file the numbers lie beside the pickle (torch_files.py), which only refers to them.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import ModelError
from .instructions import Stretch
from .pickles import Name, Persistent, is_call, read_pickle
from .stored import StoredTensor

DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
MAGIC = 0x1950A86A20F9469CFC6C  # the number that torch.save's old format starts with
VERSION = 1001
PARAMETER, TENSOR = "torch._utils._rebuild_parameter", "torch._utils._rebuild_tensor_v2"


class Storage(Protocol):
    """The bytes of a storage, wherever they are."""

    @property
    def length(self) -> int: ...

    def read(self) -> bytes: ...


class Budget:
    """What a file's tensors may take of memory together: as much as the file's size allows."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.left = 3 * size  # the mapping is read twice where the mean of W is missing, some filters serve many layers

    def spend(self, count: int) -> None:
        """Raises ModelError when nothing is left."""
        self.left -= count
        if self.left < 0:
            raise damaged_tensor(self.path)


def damaged_tensor(path: str) -> ModelError:
    """The refusal of a tensor that contradicts itself."""
    return ModelError(f"The model file {path} holds a damaged tensor; get it again.")


class TensorReader:
    """Decodes the tensors of one file.

    Args:
        path: the file, for messages.
        size: in bytes.
        storages: what lies beside the pickle, by its key.
    """

    def __init__(self, path: str, size: int, storages: Mapping[str, Storage] | None = None) -> None:
        self.path, self.budget, self.storages = path, Budget(path, size), storages or {}
        self._last: tuple[str, Tensor] | None = None  # many tensors may share a storage

    def stored(self, node: Any) -> StoredTensor:
        """The tensor of a torch._utils._rebuild_tensor_v2 or _rebuild_parameter call. Raises ModelError."""
        if is_call(node, PARAMETER) and node.args:
            node = node.args[0]
        if not is_call(node, TENSOR) or len(node.args) < 4:
            raise self._damaged()
        source, offset, shape, strides = node.args[:4]
        self._check_layout(offset, shape, strides)
        return StoredTensor(shape, lambda: self._decoded(source, offset, shape, strides))

    def tensor(self, node: Any) -> Tensor:
        """The same, decoded. Raises ModelError."""
        return self.stored(node).read()

    def _decoded(self, source: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        storage = self._storage(source)
        count = math.prod(shape)
        reach = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
        if count > storage.numel() or (count and reach >= storage.numel()):
            raise self._damaged()
        self.budget.spend(count * storage.itemsize)
        return storage.as_strided(shape, strides, offset)

    def _check_layout(self, offset: Any, shape: Any, strides: Any) -> None:
        ok = isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= 8
        if not ok or not all(type(n) is int and 0 <= n < 1 << 40 for n in (offset, *shape, *strides)):
            raise self._damaged()

    def _storage(self, node: Any) -> Tensor:
        """All numbers of a storage, flat."""
        if isinstance(node, Persistent):
            return self._beside(node)
        if not is_call(node, "torch.storage._load_from_bytes") or len(node.args) != 1:
            raise self._damaged()
        data = node.args[0]
        if isinstance(data, Stretch):
            data = data.read()
        if not isinstance(data, bytes):
            raise self._damaged()
        dtype, count, start = self._storage_header(data)
        return self._numbers(memoryview(data)[start:], dtype, count)

    def _beside(self, node: Persistent) -> Tensor:
        """The same of a storage that lies beside the pickle."""
        dtype, count, key = self.described(node)
        if self._last is not None and self._last[0] == key and self._last[1].dtype == dtype:
            return self._last[1]
        storage = self.storages.get(key)
        if storage is None or storage.length != count * dtype.itemsize:
            raise self._damaged()
        self._last = key, self._numbers(memoryview(storage.read()), dtype, count)
        return self._last[1]

    def _numbers(self, data: memoryview, dtype: torch.dtype, count: int) -> Tensor:
        if len(data) != count * dtype.itemsize:
            raise self._damaged()
        self.budget.spend(len(data) // 8)  # read again and again, it would take time
        return torch.frombuffer(bytearray(data), dtype=dtype) if count else torch.empty(0)

    def described(self, node: Any) -> tuple[torch.dtype, int, str]:
        """Data type, number of elements and key of a reference to a storage. Raises ModelError."""
        description = node.description if isinstance(node, Persistent) else None
        if not isinstance(description, tuple) or len(description) not in (5, 6) or description[5:] not in ((), (None,)):
            raise self._damaged()
        _, kind, key, _, count = description[:5]
        dtype = DTYPES.get(str(kind)) if isinstance(kind, Name) else None
        if dtype is None or not isinstance(key, str) or type(count) is not int or not 0 <= count < 1 << 40:
            raise self._damaged()
        return dtype, count, key

    def _storage_header(self, data: bytes) -> tuple[torch.dtype, int, int]:
        """Data type, number of elements and where they begin."""
        file = io.BytesIO(data)
        names = frozenset(DTYPES)

        def read() -> Any:
            return read_pickle(file, len(data) - file.tell(), names, self.path)

        magic, version, system, storage, keys = read(), read(), read(), read(), read()
        if not is_old_format(magic, version, system):
            raise self._damaged()
        dtype, elements, key = self.described(storage)
        if keys != [key]:
            raise self._damaged()
        count = file.read(8)
        if len(count) != 8 or struct.unpack("<q", count)[0] != elements:
            raise self._damaged()
        return dtype, elements, file.tell()

    def _damaged(self) -> ModelError:
        return damaged_tensor(self.path)


def is_old_format(magic: Any, version: Any, system: Any) -> bool:
    """Whether a file of torch.save's old format starts so; only little-endian ones are read."""
    little_endian = isinstance(system, dict) and system.get("little_endian") is True
    return magic == MAGIC and version == VERSION and little_endian
