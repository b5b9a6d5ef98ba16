"""Model files: our own safetensors with a JSON description, read and written; foreign files are handed on."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from .architecture_json import from_json, to_json
from .discriminator import Discriminator
from .errors import ModelError
from .files import replace_file, sha256_of
from .generator import Generator
from .importers import import_model
from .model import Metadata, Model, fill

FORMAT = "draggan-stylegan2"
FORMAT_VERSION = "1"
DISCRIMINATOR = "discriminator."  # prefix of its tensors; those of the generator have none


def load(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Model:
    """Read a model file: our safetensors, or NVIDIA's PyTorch pickle (no code of the file is run).

    What a file is, is decided by its content; its name does not matter. The networks come in eval mode, in
    float32, with no parameter requiring a gradient. Raises ModelError with one sentence for every file that
    cannot be used.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            sha256 = sha256_of(path)
            start = file.read(16)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror or error}.") from error
    if _is_safetensors(start, path.stat().st_size):
        model = _load_own(path)
    else:
        model = import_model(path)
        traced = f"{model.metadata.source}, sha256 {sha256}"
        model.metadata = dataclasses.replace(model.metadata, source=traced)
    model.sha256 = sha256
    model.generator.to(device)
    if model.discriminator is not None:
        model.discriminator.to(device)
    return model


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


def _is_safetensors(start: bytes, size: int) -> bool:
    """Eight bytes with the header's length, then the JSON header itself."""
    return len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size - 8


def _load_own(path: Path) -> Model:
    header, tensors = _read(path)
    if header.get("format") != FORMAT:
        raise ModelError(
            f"The file {path} holds tensors but no model that this program wrote; "
            "convert the original .pkl with 'python -m stylegan2 convert'."
        )
    if header.get("format_version") != FORMAT_VERSION:
        raise ModelError(f"The model file {path} was written by a newer version; update this program first.")
    of_generator, of_discriminator = from_json(_json(header, "architecture", path), str(path))
    preset = _json(header, "preset", path)
    with torch.device("meta"):
        generator = Generator(of_generator)
        discriminator = Discriminator(of_discriminator) if of_discriminator else None
    fill(generator, {name: t for name, t in tensors.items() if not name.startswith(DISCRIMINATOR)}, str(path))
    if discriminator is not None:
        own = {name[len(DISCRIMINATOR) :]: t for name, t in tensors.items() if name.startswith(DISCRIMINATOR)}
        fill(discriminator, own, str(path))
    metadata = Metadata(
        name=header.get("name", path.stem),
        licence=header.get("licence", "unknown"),
        source=header.get("source", "unknown"),
        preset=preset if isinstance(preset, dict) else {},
    )
    return Model(generator, discriminator, metadata)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(f"The model file {path} is damaged; get it again.") from error


def _json(header: dict[str, str], key: str, path: Path) -> object:
    try:
        return json.loads(header.get(key, "null"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"The model file {path} has a damaged {key} entry; convert it again.") from error
