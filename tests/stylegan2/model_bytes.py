"""A sound model file in bytes, ways to change it, and what every refusal must look like."""

from __future__ import annotations

import contextlib
import io
import pickletools
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stylegan2 import ModelError, describe, load

CHECKPOINTS = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def without_frames(data: bytes) -> bytes:
    """The same pickle without its optional frame lengths, so that a test can change other lengths in it."""
    frames = [at or 0 for opcode, _, at in pickletools.genops(data) if opcode.name == "FRAME"]
    edges = [0, *frames, len(data)]
    return data[: edges[1]] + b"".join(data[at + 9 : end] for at, end in zip(frames, edges[2:], strict=True))


GOOD = without_frames((CHECKPOINTS / "official_square.pkl").read_bytes())


def refused(path: Path, data: bytes, match: str | None = None) -> str:
    path.write_bytes(data)
    started = time.monotonic()
    with contextlib.suppress(ModelError):  # it reads no weights, so it may see nothing wrong
        describe(path)
    with pytest.raises(ModelError, match=match) as caught:
        load(path)
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    assert len(text) < 300 + len(str(path))
    assert time.monotonic() - started < 10
    return text


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def persistent(state: dict[Any, Any]) -> Calls:
    """A module as NVIDIA's files hold it; to be pickled where the fixture `nvidia_names` is in use."""
    meta = {"type": "class", "version": 6, "module_src": "", "class_name": "Generator", "state": state}
    return Calls(sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, meta)


def storage_of(network: str) -> slice:
    """Where official_square.pkl holds the bytes of the first torch.storage._load_from_bytes of a network."""
    at = GOOD.index(OLD_TORCH, GOOD.index(b"\x8c" + bytes([len(network)]) + network.encode() + b"\x94"))
    assert GOOD[at - 5 : at - 4] == b"B"
    return slice(at, at + struct.unpack("<I", GOOD[at - 4 : at])[0])


def with_storage(storage: bytes, network: str = "G_ema") -> bytes:
    """official_square.pkl with other bytes there; still a sound pickle."""
    where = storage_of(network)
    return GOOD[: where.start - 4] + struct.pack("<I", len(storage)) + storage + GOOD[where.stop :]


def first_storage() -> bytes:
    return GOOD[storage_of("G_ema")]


def pickles_of(storage: bytes) -> list[bytes]:
    """The five pickles of a stored storage, and what follows them."""
    parts, file = [], io.BytesIO(storage)
    for _ in range(5):
        start = file.tell()
        assert list(pickletools.genops(file))[-1][0].name == "STOP"
        parts.append(storage[start : file.tell()])
    return [*parts, storage[file.tell() :]]
