"""NumPy's arrays and numbers out of a pickle's inert nodes, by reading their bytes."""

from __future__ import annotations

import math
import struct
from typing import Any

import torch

from .instructions import Stretch
from .pickles import Call, is_call
from .stored import StoredTensor
from .tensors import Budget, damaged_tensor

ARRAYS = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
BUFFERS = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")  # protocol 5
SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
ENCODED = "_codecs.encode"  # bytes in protocol 2
NAMES = frozenset({*ARRAYS, *BUFFERS, *SCALARS, ENCODED, "numpy.ndarray", "numpy.dtype"})

_NUMBERS = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "u1": "B", "b1": "?"}
_DTYPES = {"f8": torch.float64, "f4": torch.float32, "f2": torch.float16}


def number(node: Any) -> float | None:
    """A Python or NumPy number as float; None when `node` is something else."""
    if isinstance(node, float) or (type(node) is int and abs(node) < 1 << 63):
        return float(node)
    if not is_call(node, *SCALARS) or len(node.args) != 2:
        return None
    code, data = _NUMBERS.get(_dtype_name(node.args[0])), _content(node.args[1])
    if code is None or not isinstance(data, bytes) or len(data) != struct.calcsize(code):
        return None
    return float(struct.unpack(f"<{code}", data)[0])


def stored_array(node: Any, path: str, budget: Budget) -> StoredTensor:
    """The array or number behind a node, to be read as a tensor of floating-point numbers.

    Raises ModelError when it is none, contradicts itself, or holds objects or another kind of numbers.
    """
    scalar = number(node)
    if scalar is not None:
        return StoredTensor((), lambda: torch.tensor(scalar))
    shape, dtype_node, fortran, data = _parts(node, path)
    dtype = _DTYPES.get(_dtype_name(dtype_node))
    ok = isinstance(shape, tuple) and len(shape) <= 8 and isinstance(data, (bytes, bytearray, Stretch))
    if dtype is None or not ok or not all(type(side) is int and 0 <= side < 1 << 40 for side in shape):
        raise damaged_tensor(path)
    length = data.length if isinstance(data, Stretch) else len(data)
    if length != math.prod(shape) * dtype.itemsize:
        raise damaged_tensor(path)

    def read() -> torch.Tensor:
        budget.spend(length)
        content = bytearray(data.read() if isinstance(data, Stretch) else data)
        flat = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        if not fortran:
            return flat.reshape(shape)
        return flat.reshape(shape[::-1]).permute(tuple(range(len(shape)))[::-1])

    return StoredTensor(shape, read)


def _parts(node: Any, path: str) -> tuple[Any, Any, bool, Any]:
    """Shape, data type, whether the first index runs fastest, and the bytes."""
    if is_call(node, *ARRAYS) and isinstance(node.state, tuple) and len(node.state) == 5:
        _, shape, dtype, fortran, data = node.state
        return shape, dtype, fortran is True, _content(data)
    if is_call(node, *BUFFERS) and len(node.args) == 4:
        data, dtype, shape, order = node.args
        return shape, dtype, order == "F", _content(data)
    raise damaged_tensor(path)


def _content(node: Any) -> Any:
    """Bytes as they are, and those that an old protocol holds as text."""
    if is_call(node, ENCODED) and len(node.args) == 2 and node.args[1] in ("latin1", "latin-1"):
        text = node.args[0]
        try:
            return text.encode("latin-1") if isinstance(text, str) else None
        except UnicodeError:
            return None
    return node


def _dtype_name(node: Any) -> str:
    """For example "f4"; "" for what is no plain little-endian number."""
    if not is_call(node, "numpy.dtype") or not node.args or not isinstance(node.args[0], str):
        return ""
    order, fields = ("<", ()) if node.state is None else _order_and_fields(node)
    return node.args[0].lstrip("<|=") if order in ("<", "|", "=") and not any(fields) else ""


def _order_and_fields(call: Call) -> tuple[Any, tuple[Any, ...]]:
    state = call.state
    if not isinstance(state, tuple) or len(state) < 5 or not isinstance(state[1], str):
        return "", ()
    return state[1], tuple(part is not None for part in state[2:5])
