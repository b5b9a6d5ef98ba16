"""Encoder files: safetensors beside a model, with the checksum of the model that they belong to."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from .encoder import Encoder, EncoderArchitecture
from .errors import ModelError
from .files import replace_file
from .generator import Generator
from .model import fill

FORMAT = "draggan-encoder"
FORMAT_VERSION = "1"
SAMPLE_DISTANCES = "own_parts"  # a tensor beside the weights; files were written with this name


@dataclasses.dataclass(frozen=True)
class SavedEncoder:
    """An encoder, the sha256 of the file of its model, and the training steps it has behind it."""

    encoder: Encoder
    model_sha256: str
    steps: int

    def save(self, path: Path) -> None:
        """Write the encoder as 16-bit floats; the file appears whole or not at all. Raises ModelError."""
        tensors = {name: value.detach().to("cpu", torch.float16) for name, value in self.encoder.state_dict().items()}
        if self.encoder.sample_distances is not None:
            tensors[SAMPLE_DISTANCES] = self.encoder.sample_distances.cpu()
        header = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model_sha256": self.model_sha256,
            "steps": str(self.steps),
            "architecture": json.dumps(dataclasses.asdict(self.encoder.architecture)),
        }
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            temporary.write_bytes(to_bytes(tensors, header))
            replace_file(temporary, path)
        except OSError as error:
            raise ModelError(f"The encoder cannot be written to {path}: {error.strerror or error}.") from error
        finally:
            temporary.unlink(missing_ok=True)


def load_encoder(path: Path, generator: Generator) -> SavedEncoder:
    """Read the encoder of a generator, in eval mode, in float32, on the CPU.

    Raises:
        ModelError: the file is no encoder, or one of another generator.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(f"The encoder {path} is damaged; prepare the model again.") from error
    if header.get("format") != FORMAT or header.get("format_version") != FORMAT_VERSION:
        raise ModelError(f"The file {path} is no encoder that this version wrote; prepare the model again.")
    architecture = EncoderArchitecture.for_generator(generator)
    if header.get("architecture") != json.dumps(dataclasses.asdict(architecture)):
        raise ModelError(f"The encoder {path} belongs to another model; prepare the model again.")
    with torch.device("meta"):
        encoder = Encoder(architecture)
    sample_distances = tensors.pop(SAMPLE_DISTANCES, None)
    fill(encoder, tensors, str(path))
    encoder.sample_distances = None if sample_distances is None else sample_distances.float()
    steps = header.get("steps", "")
    return SavedEncoder(encoder, header.get("model_sha256", ""), int(steps) if steps.isdigit() else 0)
