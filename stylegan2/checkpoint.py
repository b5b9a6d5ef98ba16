"""Model files: our own safetensors with a JSON description, read and written; foreign files are handed on."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from .architecture import DiscriminatorArchitecture, GeneratorArchitecture
from .architecture_json import from_json, to_json
from .discriminator import Discriminator
from .errors import ModelError
from .files import replace_file, sha256_of
from .generator import Generator
from .importers import import_model, look_into, metadata_of
from .importers.other_models import kind_of, other_model
from .model import BUFFERS, Description, Metadata, Model, fill

FORMAT = "draggan-stylegan2"
FORMAT_VERSION = "1"
DISCRIMINATOR = "discriminator."  # prefix of its tensors; those of the generator have none


def load(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Model:
    """Read a model file: our safetensors, NVIDIA's pickles or rosinality's .pt (no code of the file is run).

    What a file is, is decided by its content; its name does not matter. The networks come in eval mode, in
    float32, with no parameter requiring a gradient. Raises ModelError with one sentence for every file that
    cannot be used.
    """
    path = Path(path)
    with _readable(path):
        is_own = _is_safetensors(path)
        model = _load_own(path) if is_own else import_model(path)
        model.sha256 = sha256_of(path)
    if not is_own:
        model.metadata = _traced(model.metadata, model.sha256)
    model.generator.to(device)
    if model.discriminator is not None:
        model.discriminator.to(device)
    return model


def describe(path: str | os.PathLike[str]) -> Description:
    """Tell what a model file holds, without reading its weights. Raises ModelError as load() does."""
    path = Path(path)
    with _readable(path):
        if _is_safetensors(path):
            return _describe_own(path)
        stored, sha256 = look_into(path), sha256_of(path)
    d = stored.discriminator
    return Description(
        format=stored.format,
        metadata=_traced(metadata_of(path), sha256),
        sha256=sha256,
        generator=stored.generator.architecture,
        generator_parameters=stored.generator.parameters,
        discriminator=None if d is None else d.architecture,
        discriminator_parameters=0 if d is None else d.parameters,
    )


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What the system has against reading the file is a ModelError."""
    try:
        yield
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror or error}.") from error


def _traced(metadata: Metadata, sha256: str) -> Metadata:
    return dataclasses.replace(metadata, source=f"{metadata.source}, sha256 {sha256}")


def save(model: Model, path: str | os.PathLike[str], dtype: torch.dtype = torch.float32) -> None:
    """Write `model` to `path` as our safetensors: first under a temporary name, then renamed into place.

    `dtype` torch.float16 halves the file; loading always gives float32. Raises ModelError when the folder
    cannot be written.
    """
    path = Path(path)
    tensors = dict(model.generator.state_dict())
    if model.discriminator is not None:
        tensors |= {DISCRIMINATOR + name: tensor for name, tensor in model.discriminator.state_dict().items()}
    stored = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(to_bytes(stored, _header(model)))
        replace_file(temporary, path)
    except OSError as error:
        raise ModelError(f"The model cannot be written to {path}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _header(model: Model) -> dict[str, str]:
    discriminator = model.discriminator
    of_discriminator = None if discriminator is None else discriminator.architecture
    architecture = to_json(model.generator.architecture, of_discriminator)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": model.metadata.name,
        "licence": model.metadata.licence,
        "source": model.metadata.source,
        "preset": json.dumps(model.metadata.preset),
        "architecture": json.dumps(architecture),
    }


def _is_safetensors(path: Path) -> bool:
    """Eight bytes with the header's length, then the JSON header itself."""
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size - 8


def _load_own(path: Path) -> Model:
    with _opened(path) as file:
        of_generator, of_discriminator, metadata = _header_of(file, path)
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    with torch.device("meta"):
        generator = Generator(of_generator)
        discriminator = Discriminator(of_discriminator) if of_discriminator else None
    fill(generator, {name: t for name, t in tensors.items() if not name.startswith(DISCRIMINATOR)}, str(path))
    if discriminator is not None:
        own = {name[len(DISCRIMINATOR) :]: t for name, t in tensors.items() if name.startswith(DISCRIMINATOR)}
        fill(discriminator, own, str(path))
    return Model(generator, discriminator, metadata)


def _describe_own(path: Path) -> Description:
    with _opened(path) as file:
        of_generator, of_discriminator, metadata = _header_of(file, path)
        counts = {
            name: math.prod(file.get_slice(name).get_shape())
            for name in file.keys()  # noqa: SIM118
            if not name.endswith(BUFFERS)
        }
    of_the_other = sum(count for name, count in counts.items() if name.startswith(DISCRIMINATOR))
    return Description(
        format="safetensors of this program",
        metadata=metadata,
        sha256=sha256_of(path),
        generator=of_generator,
        generator_parameters=sum(counts.values()) - of_the_other,
        discriminator=of_discriminator,
        discriminator_parameters=of_the_other,
    )


def _header_of(file: Any, path: Path) -> tuple[GeneratorArchitecture, DiscriminatorArchitecture | None, Metadata]:
    """What the file says of its networks. Raises ModelError when it is none of ours."""
    header: dict[str, str] = dict(file.metadata() or {})
    if header.get("format") != FORMAT:
        raise other_model(str(path), kind_of(file.keys()) or "tensors of another program")
    if header.get("format_version") != FORMAT_VERSION:
        raise ModelError(f"The model file {path} was written by a newer version; update this program first.")
    of_generator, of_discriminator = from_json(_json(header, "architecture", path), str(path))
    preset = _json(header, "preset", path)
    metadata = Metadata(
        name=header.get("name", path.stem),
        licence=header.get("licence", "unknown"),
        source=header.get("source", "unknown"),
        preset=preset if isinstance(preset, dict) else {},
    )
    return of_generator, of_discriminator, metadata


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file as safetensors reads it; what goes wrong there is a ModelError."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(f"The model file {path} is damaged; get it again.") from error


def _json(header: dict[str, str], key: str, path: Path) -> object:
    try:
        return json.loads(header.get(key, "null"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"The model file {path} has a damaged {key} entry; convert it again.") from error
