"""The instructions of a pickle, one by one; long runs of bytes stay in the file until somebody wants them."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ModelError

MAX_INSTRUCTIONS = 500_000  # a 32-pixel reference file has 18,000; resolution adds only a few layers
MAX_LINE = 1 << 16
MAX_READ = 1 << 28  # bytes of all but arrays together; published files have 0.2 MB
SHORT = 4096  # bytes; what is no longer is read at once

_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_BYTES = {"SHORT_BINBYTES": 1, "BINBYTES": 4, "BINBYTES8": 8, "BYTEARRAY8": 8}  # how long their lengths are


@dataclass(frozen=True)
class Stretch:
    """Bytes that lie in a file."""

    path: Path
    start: int
    length: int

    def read(self) -> bytes:
        """Return them. Raises ModelError when the file ends before, which it did not when it was opened."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            data = file.read(self.length)
        if len(data) != self.length:
            raise ModelError(f"The model file {self.path} is damaged or incomplete; get it again.")
        return data


class _Bounded:
    """Reads no further than the file goes, so that a false length cannot ask for memory."""

    def __init__(self, file: BinaryIO, size: int, source: Path | None) -> None:
        self.file, self.left, self.source = file, size, source
        self.allowance = MAX_READ

    def read(self, count: int) -> bytes:
        if not 0 <= count <= min(self.left, self.allowance):
            raise ValueError("a length that goes beyond the file")
        return self._counted(self.file.read(count))

    def readline(self) -> bytes:
        return self._counted(self.file.readline(min(MAX_LINE, self.left, self.allowance)))

    def _counted(self, data: bytes) -> bytes:
        self.left -= len(data)
        self.allowance -= len(data)
        return data

    def run_of_bytes(self, length_size: int) -> bytes | Stretch:
        length = int.from_bytes(self.read(length_size), "little")
        if length <= SHORT or self.source is None:
            return self.read(length)
        if length > self.left:
            raise ValueError("bytes that go beyond the file")
        start = self.file.tell()
        self.file.seek(length, 1)
        self.left -= length
        return Stretch(self.source, start, length)


def instructions(file: BinaryIO, size: int, source: Path | None) -> Iterator[tuple[str, Any]]:
    """The names and arguments of a pickle's instructions, from the file's position on.

    Args:
        file: its position is right behind the pickle at the end.
        size: bytes left in it.
        source: where it lies; None when it is in memory already.

    Raises:
        ValueError, UnicodeError: it is no pickle, broken, or longer than any model's.
    """
    bounded: Any = _Bounded(file, size, source)
    for _ in range(MAX_INSTRUCTIONS):
        opcode = _OPCODES.get(bounded.read(1))
        if opcode is None:
            raise ValueError("no instruction")
        argument: Any = None
        if opcode.name in _BYTES:
            argument = bounded.run_of_bytes(_BYTES[opcode.name])
        elif opcode.arg is not None:
            argument = opcode.arg.reader(bounded)
        yield opcode.name, argument
        if opcode.name == "STOP":
            return
    raise ValueError("far longer than any model's")
