"""Tensors and numbers out of a pickle's inert nodes, by reading their bytes; torch.load is never called.

torch.storage._load_from_bytes holds a pickle inside the pickle: what torch.save(storage) wrote in its old
format. Its five short pickles go through the same inert reader; the numbers behind them are taken as is.
"""

from __future__ import annotations

import io
import math
import struct
from typing import Any, TypeGuard

import torch
from torch import Tensor

from ..errors import ModelError
from .pickles import Call, Name, Persistent, read_pickle

_DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
_MAGIC = 0x1950A86A20F9469CFC6C  # the number that torch.save's old format starts with
_VERSION = 1001
_SCALARS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "u1": "B", "b1": "?"}


class TensorReader:
    """Decodes the tensors of one file; together they may not take more memory than the file's size allows."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.budget = 2 * size  # twice: a small filter may be stored once and used in several layers

    def tensor(self, node: Any) -> Tensor:
        """The tensor of a torch._utils._rebuild_tensor_v2 or _rebuild_parameter call. Raises ModelError."""
        if is_call(node, "torch._utils._rebuild_parameter") and node.args:
            node = node.args[0]
        if not is_call(node, "torch._utils._rebuild_tensor_v2") or len(node.args) < 4:
            raise self._damaged()
        source, offset, shape, strides = node.args[:4]
        self._check_layout(offset, shape, strides)
        storage = self._storage(source)
        count = math.prod(shape)
        reach = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
        if count > storage.numel() or (count and reach >= storage.numel()):
            raise self._damaged()
        return storage.as_strided(shape, strides, offset)

    def _check_layout(self, offset: Any, shape: Any, strides: Any) -> None:
        ok = isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= 8
        if not ok or not all(type(n) is int and 0 <= n < 1 << 40 for n in (offset, *shape, *strides)):
            raise self._damaged()

    def _storage(self, node: Any) -> Tensor:
        """All numbers of a storage, flat."""
        if not is_call(node, "torch.storage._load_from_bytes") or len(node.args) != 1:
            raise self._damaged()
        data = node.args[0]
        if not isinstance(data, bytes):
            raise self._damaged()
        self.budget -= len(data)
        if self.budget < 0:
            raise self._damaged()
        dtype, count, start = self._storage_header(data)
        length = count * dtype.itemsize
        if len(data) - start != length:
            raise self._damaged()
        return torch.frombuffer(bytearray(memoryview(data)[start:]), dtype=dtype) if count else torch.empty(0)

    def _storage_header(self, data: bytes) -> tuple[torch.dtype, int, int]:
        """Data type, number of elements and where they begin."""
        file = io.BytesIO(data)
        names = frozenset(_DTYPES)

        def read() -> Any:
            return read_pickle(file, len(data) - file.tell(), names, self.path)

        magic, version, system, storage, keys = read(), read(), read(), read(), read()
        little_endian = isinstance(system, dict) and system.get("little_endian") is True
        description = storage.description if isinstance(storage, Persistent) else None
        if magic != _MAGIC or version != _VERSION or not little_endian or not isinstance(description, tuple):
            raise self._damaged()
        if len(description) < 5 or not isinstance(description[1], Name):
            raise self._damaged()
        if not isinstance(description[2], str) or keys != [description[2]]:
            raise self._damaged()
        count = file.read(8)
        if len(count) != 8 or struct.unpack("<q", count)[0] != description[4]:
            raise self._damaged()
        return _DTYPES[str(description[1])], description[4], file.tell()

    def _damaged(self) -> ModelError:
        return ModelError(f"The model file {self.path} holds a damaged tensor; get it again.")


def is_call(node: Any, name: str) -> TypeGuard[Call]:
    """Whether `node` is a call of the function with this full name."""
    return isinstance(node, Call) and str(node.function) == name


def number(node: Any) -> float | None:
    """A Python or NumPy number as float; None when `node` is something else."""
    if isinstance(node, float) or (type(node) is int and abs(node) < 1 << 63):
        return float(node)
    if is_call(node, "numpy.core.multiarray.scalar") or is_call(node, "numpy._core.multiarray.scalar"):
        return _numpy_scalar(node)
    return None


def _numpy_scalar(call: Call) -> float | None:
    if len(call.args) != 2:
        return None
    dtype, data = call.args
    name = dtype.args[0] if is_call(dtype, "numpy.dtype") and dtype.args else None
    code = _SCALARS.get(name) if isinstance(name, str) else None
    if code is None or not isinstance(data, bytes) or len(data) != struct.calcsize(code):
        return None
    return float(struct.unpack(f"<{code}", data)[0])
