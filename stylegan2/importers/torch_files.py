"""What torch.save wrote: one pickle, and beside it the numbers that it refers to.

Newer files are ZIP archives without compression, older ones a row of pickles with the numbers behind them. Either is
taken apart without torch.load: entries are checked against the archive's size before anything is read.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ModelError
from .instructions import Stretch
from .other_models import other_model
from .pickles import Persistent, read_pickle
from .tensors import DTYPES, Storage, TensorReader, is_old_format

PICKLE = "data.pkl"
MAX_PICKLE = 1 << 26  # bytes; that of a network of 1024 pixels has 0.1 MB
MAX_DIRECTORY = 1 << 20  # bytes of the archive's list; a training snapshot of that size has 0.1 MB

Content = tuple[Any, Mapping[str, Storage]]


class _CarefulFile(io.FileIO):
    """For zipfile, which would read a list of contents of any length at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY:
            raise zipfile.BadZipFile("a list of contents without end")
        return super().read(MAX_DIRECTORY if size is None or size < 0 else size)


class _Entry:
    """What lies in an archive, uncompressed, under one name."""

    def __init__(self, path: Path, info: zipfile.ZipInfo) -> None:
        self.path, self.info, self.length = path, info, info.file_size

    def read(self) -> bytes:
        """Return it. Raises ModelError when the archive's own checksum tells that it is damaged."""
        with self.path.open("rb") as file:
            file.seek(self.info.header_offset)
            header = file.read(30)
            if len(header) != 30 or not header.startswith(b"PK\x03\x04"):
                raise _damaged(self.path)
            file.seek(sum(struct.unpack("<HH", header[26:])), 1)
            data = file.read(self.length)
        if len(data) != self.length or zlib.crc32(data) != self.info.CRC:
            raise _damaged(self.path)
        return data


def read_archive(path: Path, size: int, names: frozenset[str]) -> Content:
    """Pickle and storages of a ZIP archive. Raises ModelError when it is another one, or a broken one."""
    infos = _listed(path)
    pickles = [info.filename for info in infos if info.filename == PICKLE or info.filename.endswith("/" + PICKLE)]
    if not pickles:
        raise ModelError(f"The file {path} is a ZIP archive; unpack it and choose the model inside.")
    root = pickles[0][: -len(PICKLE)]
    if any(info.filename == root + "constants.pkl" for info in infos):
        raise other_model(str(path), "a TorchScript program")
    entries = _plain(infos, path, size)
    if root + "byteorder" in entries and _small(path, entries[root + "byteorder"]) != b"little":
        raise ModelError(f"The model file {path} was written for another kind of processor; convert it there.")
    data = _small(path, entries[pickles[0]])
    content = read_pickle(io.BytesIO(data), len(data), names | DTYPES.keys(), str(path))
    prefix = root + "data/"
    storages = {name[len(prefix) :]: _Entry(path, info) for name, info in entries.items() if name.startswith(prefix)}
    return content, storages


def _small(path: Path, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MAX_PICKLE:
        raise _damaged(path)
    return _Entry(path, info).read()


def _listed(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with _CarefulFile(path) as file, zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, LookupError) as error:
        raise ModelError(f"The file {path} is a ZIP archive that is damaged or incomplete; get it again.") from error


def _plain(infos: list[zipfile.ZipInfo], path: Path, size: int) -> dict[str, zipfile.ZipInfo]:
    """Each by its name; torch.save writes nothing twice, compressed, encrypted or over something else."""
    entries = {info.filename: info for info in infos}
    plain = all(
        info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1 and info.file_size == info.compress_size
        for info in infos
    )
    places = sorted((info.header_offset, info.header_offset + 30 + info.file_size) for info in infos)
    apart = all(end <= start for (_, end), (start, _) in pairwise([(0, 0), *places, (size, size)]))
    pickles = sum(name == PICKLE or name.endswith("/" + PICKLE) for name in entries)
    if not plain or not apart or len(entries) != len(infos) or pickles != 1:
        raise _damaged(path)
    return entries


def read_old_file(file: BinaryIO, path: Path, size: int, names: frozenset[str]) -> Content:
    """Pickle and storages of a file from before version 1.6, from its start on. Raises ModelError."""

    def read(allowed: frozenset[str] = frozenset(), persistent: list[Persistent] | None = None) -> Any:
        return read_pickle(file, size - file.tell(), allowed, str(path), source=path, persistent=persistent)

    referred: list[Persistent] = []
    magic, version, system = read(), read(), read()
    if not is_old_format(magic, version, system):
        raise _damaged(path)
    content = read(names | DTYPES.keys(), referred)
    keys = read()
    lengths = _lengths(referred, str(path))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or set(keys) != lengths.keys():
        raise _damaged(path)
    storages: dict[str, Storage] = {}
    for key in keys:
        count, length = lengths[key]
        header = file.read(8)
        if key in storages or header != struct.pack("<q", count) or file.tell() + length > size:
            raise _damaged(path)
        storages[key] = Stretch(path, file.tell(), length)
        file.seek(length, 1)
    return content, storages


def _lengths(referred: list[Persistent], path: str) -> dict[str, tuple[int, int]]:
    """Elements and bytes of each storage that the pickle refers to."""
    reader, lengths = TensorReader(path, 0), {}
    for reference in referred:
        dtype, count, key = reader.described(reference)
        if lengths.setdefault(key, (count, count * dtype.itemsize)) != (count, count * dtype.itemsize):
            raise _damaged(Path(path))
    return lengths


def _damaged(path: Path) -> ModelError:
    return ModelError(f"The model file {path} is damaged or incomplete; get it again.")
