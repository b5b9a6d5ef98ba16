"""Hostile and broken .pt files, archives and old ones, by what is wrong with each; bytes that change by chance."""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import random
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import torch

from tests.stylegan2.foreign_files import (
    as_rosinality,
    checkpoint,
    generator_state,
)
from tests.stylegan2.model_bytes import OLD_TORCH, Calls
from tests.stylegan2.plain_networks import Plan, generator_tensors

PLAN = Plan("skip", channels=(8, 6), z_dim=5, dense_layers=2)
TENSORS = generator_tensors(PLAN)


def sound_archive() -> bytes:
    return as_rosinality(checkpoint(PLAN, TENSORS))


def sound_old_file() -> bytes:
    return as_rosinality(checkpoint(PLAN, TENSORS), archive=False)


# Archives


def entries_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archived(change: Callable[[dict[str, bytes]], object] = bool, packed: str = "-", twice: str | None = None) -> bytes:
    """The sound archive with other entries; the one called `packed` is compressed, `twice` is there twice."""
    entries = entries_of(sound_archive())
    change(entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in entries.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name.endswith(packed) else zipfile.ZIP_STORED)
        if twice:
            archive.writestr(twice, entries[twice])
    return buffer.getvalue()


def patched(offset: int, value: bytes, entry: str = "archive/data/0", local: bool = False) -> bytes:
    """The sound archive with other bytes in an entry's line of the list of contents, or in front of the entry."""
    data = bytearray(archived())
    names = [at for at in range(len(data)) if data.startswith(entry.encode(), at)]
    at = names[0] - 30 if local else names[-1] - 46
    data[at + offset : at + offset + len(value)] = value
    return bytes(data)


def endless_list() -> bytes:
    """An archive whose list of contents has 100,000 lines about nothing."""
    line = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0) + b"data.pkl"
    lines = line * 100_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, len(lines), 4, 0)
    return b"PK\x03\x04" + lines + end


def bomb(name: str) -> bytes:
    return archived(lambda entries: entries.update({name: b"\0" * (300 << 20)}), packed=name)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a storage that unpacks to 300 MB": lambda: bomb("archive/data/0"),
    "a pickle that unpacks to 300 MB": lambda: bomb("archive/data.pkl"),
    "a compressed storage": lambda: archived(packed="data/0"),
    "a storage that is there twice": lambda: archived(twice="archive/data/0"),
    "two pickles": lambda: archived(lambda e: e.update({"other/data.pkl": e["archive/data.pkl"]})),
    "a missing storage": lambda: archived(lambda e: e.pop("archive/data/3")),
    "a storage too short": lambda: archived(lambda e: e.update({"archive/data/0": e["archive/data/0"][:-4]})),
    "a storage too long": lambda: archived(lambda e: e.update({"archive/data/0": e["archive/data/0"] + b"\0\0\0\0"})),
    "an empty storage": lambda: archived(lambda e: e.update({"archive/data/0": b""})),
    "numbers for another processor": lambda: archived(lambda e: e.update({"archive/byteorder": b"big"})),
    "no pickle in the pickle": lambda: archived(lambda e: e.update({"archive/data.pkl": b"\x89PNG"})),
    "an empty pickle": lambda: archived(lambda e: e.update({"archive/data.pkl": b""})),
    "a size of 4 GB": lambda: patched(24, b"\xfe\xff\xff\xff"),
    "both sizes 4 GB": lambda: patched(20, b"\xfe\xff\xff\xff\xfe\xff\xff\xff"),
    "a place beyond the file": lambda: patched(42, b"\xf0\xff\xff\x7f"),
    "a place over another entry": lambda: patched(42, b"\0\0\0\0"),
    "a wrong checksum": lambda: patched(16, b"\1\2\3\4"),
    "an encrypted entry": lambda: patched(8, b"\1"),
    "an unknown compression": lambda: patched(10, b"\x63"),
    "a version from the future": lambda: patched(6, b"\xff\xff"),
    "no entry where it should be": lambda: patched(0, b"XXXX", local=True),
    "an endless name in front of the entry": lambda: patched(26, b"\xff\xff\xff\xff", local=True),
    "a list of contents without end": endless_list,
    "a list of contents that is cut": lambda: sound_archive()[:-40] + sound_archive()[-22:],
}

# What refers to storages


REBUILD = sys.modules["torch._utils"]._rebuild_tensor_v2


class _Reference:
    """Pickles as a reference to something outside."""

    def __init__(self, description: Any) -> None:
        self.description = description


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.description if isinstance(obj, _Reference) else None


def referring(**changes: Any) -> bytes:
    """An archive like the sound one, whose mean of W may say other things about itself."""
    entries: dict[str, bytes] = {}

    def stored(tensor: torch.Tensor, **changes: Any) -> Calls:
        entries[f"archive/data/{len(entries)}"] = tensor.contiguous().numpy().tobytes()
        own: dict[str, Any] = {"kind": torch.FloatStorage, "key": str(len(entries) - 1), "count": tensor.numel()}
        own |= {"offset": 0, "shape": tuple(tensor.shape), "strides": tensor.contiguous().stride(), "view": ()}
        own |= {"source": None} | changes
        source = own["source"] or _Reference(("storage", own["kind"], own["key"], "cpu", own["count"], *own["view"]))
        return Calls(REBUILD, source, own["offset"], own["shape"], own["strides"], False, collections.OrderedDict())

    content = {"g_ema": {name: stored(t) for name, t in generator_state(PLAN, TENSORS).items()}}
    content["latent_avg"] = stored(TENSORS["mapping.w_avg"], **changes)  # pyright: ignore[reportArgumentType]
    file, buffer = io.BytesIO(), io.BytesIO()
    _Pickler(file, 2).dump(content)
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in ({"archive/data.pkl": file.getvalue()} | entries).items():
            archive.writestr(name, data)
    return buffer.getvalue()


TENSORS_WITH: dict[str, Callable[[], bytes]] = {
    "a negative side": lambda: referring(shape=(-5,)),
    "a side of 2^62": lambda: referring(shape=(1 << 62,)),
    "sides that multiply to 2^80": lambda: referring(shape=(1 << 20,) * 4, strides=(0,) * 4),
    "a hundred sides": lambda: referring(shape=(1,) * 100, strides=(1,) * 100),
    "a negative step": lambda: referring(strides=(-1,)),
    "a step of 2^62": lambda: referring(strides=(1 << 62,)),
    "a step beyond its storage": lambda: referring(strides=(1000,)),
    "a start beyond its storage": lambda: referring(offset=1 << 30),
    "a negative start": lambda: referring(offset=-1),
    "more sides than steps": lambda: referring(shape=(5, 1)),
    "a side that is no whole number": lambda: referring(shape=(5.0,)),
    "a shape that is a list": lambda: referring(shape=[5]),
    "a shape that is nothing": lambda: referring(shape=None),
    "a count of 2^62": lambda: referring(count=1 << 62),
    "a negative count": lambda: referring(count=-5),
    "a count that is a text": lambda: referring(count="5"),
    "a key that is a number": lambda: referring(key=0),
    "a key that leads out": lambda: referring(key="../../data/0"),
    "a key of another storage": lambda: referring(key="0"),
    "a view of another view": lambda: referring(view=(("1", 0, 5),)),
    "a reference to a text": lambda: referring(source=_Reference("storage 0")),
    "a reference to nothing": lambda: referring(source=_Reference(("storage",))),
    "numbers instead of a storage": lambda: referring(source=[1.0, 2.0]),
    "numbers of an unknown kind": lambda: referring(kind="FloatStorage"),
    "numbers of two kinds in one storage": lambda: referring(kind=torch.DoubleStorage),
}


# What is missing and has to be made up


def many(pattern: str) -> bytes:
    """A checkpoint with 30,000 layers of a kind."""
    one = torch.ones(1)
    return as_rosinality(
        {"g_ema": generator_state(PLAN, TENSORS) | {pattern.format(i): one for i in range(30_000)}}, archive=False
    )


def huge_noise() -> bytes:
    """A constant of 64 x 64 that is doubled ten times: noise of 4 x 65,536 x 65,536 bytes would be made up."""
    plan = Plan("skip", channels=(1,) * 11, z_dim=2, w_dim=2, hidden=2, dense_layers=1)
    tensors = generator_tensors(plan, noise=False)
    tensors["synthesis.b4.const"] = torch.ones(1, 64, 64)
    return as_rosinality({"g_ema": generator_state(plan, tensors)})


def wide_latents() -> bytes:
    """A mapping of 60,000 numbers whose mean is not stored, and which has a layer too many."""
    state = generator_state(PLAN, TENSORS) | {
        "style.1.weight": torch.ones(5, 60_000),
        "style.3.weight": torch.ones(5, 4),
    }
    return as_rosinality({"g_ema": state | {"style.3.bias": torch.ones(5)}})


MADE_UP: dict[str, Callable[[], bytes]] = {
    "30,000 blocks": lambda: many("to_rgbs.{}.bias"),
    "30,000 layers of the mapping": lambda: many("style.{}.weight"),
    "30,000 noises": lambda: many("noises.noise_{}"),
    "noise of 17 GB": huge_noise,
    "samples of 60,000 numbers": wide_latents,
}


# The format of before version 1.6


def old(magic: Any = 0x1950A86A20F9469CFC6C, version: Any = 1001, system: Any = None, keys: Any = None) -> bytes:
    """The sound old file with other pickles around its content."""
    data, file = sound_old_file(), io.BytesIO(sound_old_file())
    parts = []
    for _ in range(5):
        start = file.tell()
        assert list(pickletools.genops(file))[-1][0].name == "STOP"
        parts.append(data[start : file.tell()])
    if magic != 0x1950A86A20F9469CFC6C:
        parts[0] = pickle.dumps(magic, 2)
    parts[1] = pickle.dumps(version, 2)
    parts[2] = pickle.dumps(system or {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)
    stored = pickle.loads(parts[4])
    parts[4] = pickle.dumps(keys(stored) if keys else stored, 2)
    return b"".join(parts) + data[file.tell() :]


def old_count(changed: Callable[[int], int]) -> bytes:
    """The sound old file whose first storage says another count of numbers than it has.

    Which storage is the first changes from run to run: torch sorts them by their addresses.
    """
    data = bytearray(sound_old_file())
    file = io.BytesIO(data)
    for _ in range(5):
        list(pickletools.genops(file))
    (count,) = struct.unpack_from("<q", data, file.tell())
    struct.pack_into("<q", data, file.tell(), changed(count))
    return bytes(data)


OLD_FILES: dict[str, Callable[[], bytes]] = {
    "nothing behind its start": lambda: OLD_TORCH,
    "another version": lambda: old(version=1002),
    "a version that is a dictionary": lambda: old(version={}),
    "numbers for another processor": lambda: old(system={"little_endian": False}),
    "a system that is a list": lambda: old(system=[1]),
    "a list of keys without the last": lambda: old(keys=lambda k: k[:-1]),
    "a list of keys with one twice": lambda: old(keys=lambda k: [*k, k[0]]),
    "a list of keys with a stranger": lambda: old(keys=lambda k: [*k, "7"]),
    "keys that are no list": lambda: old(keys=lambda k: {"a": 1}),
    "keys that are lists": lambda: old(keys=lambda k: [k]),
    "a storage of 2^60 numbers": lambda: old_count(lambda count: 1 << 60),
    "a storage of less than nothing": lambda: old_count(lambda count: -1),
    "a storage of other length": lambda: old_count(lambda count: count + 3),
}


def mutated(data: bytes, seed: int) -> bytes:
    """The file with one to eight other bytes, a piece cut out, or a piece twice; half of it where its pickle is."""
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(min(len(changed), 20_000) if chance.random() < 0.5 else len(changed))
        changed[at] = chance.randrange(256)
    where = chance.randrange(len(changed))
    if chance.random() < 0.1:
        del changed[where : where + chance.randint(1, 64)]
    elif chance.random() < 0.1:
        changed[where:where] = changed[where : where + chance.randint(1, 64)]
    return bytes(changed)
