"""Foreign model files, recognised by their content and read without running anything they contain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from ..discriminator import Discriminator
from ..errors import ModelError
from ..generator import Generator
from ..model import Metadata, Model, fill
from . import nvidia_tensorflow, nvidia_torch, rosinality
from .modules import PERSISTENT
from .other_models import (
    BARE_WEIGHTS,
    MMGEN,
    NO_AVERAGE,
    OPTIMISER,
    WHOLE_MODULE,
    kind_of,
    no_checkpoint,
    other_model,
)
from .pickles import Call, entries_of, is_call, read_pickle
from .stored import StoredModel, left_out
from .tensorflow_networks import NETWORK
from .tensors import MAGIC, PARAMETER, TENSOR, TensorReader
from .torch_files import read_archive, read_old_file

MAX_SIZE = 4 << 30  # bytes; the largest published StyleGAN2 file has 0.4 GB
MAX_DEPTH = 4  # of dictionaries in each other
FEW = 100  # entries are looked at to tell what a dictionary is
NAMES = nvidia_torch.NAMES | nvidia_tensorflow.NAMES | rosinality.NAMES


def import_model(path: Path) -> Model:
    """Read a model file that is not ours. Raises ModelError for everything that is no StyleGAN2 model."""
    stored = look_into(path)
    with torch.device("meta"):
        generator = Generator(stored.generator.architecture)
    fill(generator, stored.generator.read(), str(path))
    return Model(generator, _discriminator(stored, str(path)), metadata_of(path))


def metadata_of(path: Path) -> Metadata:
    """What is known of a foreign file beside its networks."""
    return Metadata(name=path.stem, source=f"imported from {path.name}")


def _discriminator(stored: StoredModel, path: str) -> Discriminator | None:
    if stored.discriminator is None:
        return None
    with torch.device("meta"):
        discriminator = Discriminator(stored.discriminator.architecture)
    try:
        fill(discriminator, stored.discriminator.read(), path)
    except ModelError as error:
        left_out(path, error)
        return None
    return discriminator


def look_into(path: Path) -> StoredModel:
    """Find out what a foreign file holds, without reading its weights. Raises ModelError as import_model() does."""
    size = path.stat().st_size
    if size > MAX_SIZE:
        raise ModelError(
            f"The file {path} is larger than any StyleGAN2 model; choose a .safetensors, .pkl or .pt file."
        )
    with path.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        if start.startswith(b"PK"):
            content, storages = read_archive(path, size, NAMES)
        else:
            _refuse_other_kinds(path, start)
            content, storages = read_pickle(file, size, NAMES, str(path), source=path), None
            if content == MAGIC:
                file.seek(0)
                content, storages = read_old_file(file, path, size, NAMES)
    if is_call(content, PERSISTENT):
        raise other_model(str(path), WHOLE_MODULE)
    if is_call(content, NETWORK) or (
        isinstance(content, (tuple, list)) and any(is_call(part, NETWORK) for part in content[:8])
    ):
        return nvidia_tensorflow.read(content, str(path), size)
    return _of_dictionary(entries_of(content), str(path), TensorReader(str(path), size, storages))


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    if not start:
        raise ModelError(f"The model file {path} is empty; get it again.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ModelError(f"The file {path} is a web page, not a model: the download went wrong; get it again.")
    if start.startswith(b"version https://git-lfs"):
        raise ModelError(f"The file {path} only tells where Git LFS keeps the model; get the model itself.")
    if not start.startswith(b"\x80"):
        raise no_checkpoint(str(path))


def _of_dictionary(content: dict[Any, Any] | None, path: str, tensors: TensorReader) -> StoredModel:
    """The networks of a PyTorch file, whose outermost thing is always a dictionary."""
    if not content:
        raise no_checkpoint(path)
    network = content.get("G_ema") or content.get("G")
    if is_call(network, PERSISTENT):
        return nvidia_torch.read(content, path, tensors)
    if entries_of(content.get("g_ema")):
        return rosinality.read(content, path, tensors)
    kind = _kind(content)
    if kind is not None:
        raise other_model(path, kind)
    if {"G_ema", "G"} & content.keys():
        return nvidia_torch.read(content, path, tensors)
    raise no_checkpoint(path)


def _kind(content: dict[Any, Any]) -> str | None:
    """What a dictionary holds that is no StyleGAN2 model; None where nobody knows."""
    found = kind_of(_names(content))
    if found is not None:
        return found
    if {"state", "param_groups"} <= content.keys():
        return OPTIMISER
    if {"meta", "state_dict"} <= content.keys():
        return MMGEN
    if {"g_optim", "d_optim"} & content.keys() or entries_of(content.get("g")) or entries_of(content.get("d")):
        return NO_AVERAGE
    values = list(islice(content.values(), FEW))
    inner = [value for entries in map(entries_of, values) if entries for value in islice(entries.values(), FEW)]
    return BARE_WEIGHTS if any(is_call(value, TENSOR, PARAMETER) for value in (*values, *inner)) else None


def _names(content: dict[Any, Any], before: str = "", depth: int = 0) -> Iterator[str]:
    """The names in a dictionary and those in it, with points between them."""
    for key, value in content.items():
        name = f"{before}{key}"[:200] if isinstance(key, str) else before
        yield name
        inner = entries_of(value) if isinstance(value, (dict, Call)) else None
        if inner and depth < MAX_DEPTH:
            yield from _names(inner, name + ".", depth + 1)
