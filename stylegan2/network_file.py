"""Files of networks that belong to one model and lie beside it: safetensors, with the checksum of that model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from .errors import ModelError
from .files import replace_file

FORMAT_VERSION = "1"


@dataclass(frozen=True)
class NetworkFile:
    """What is in a file.

    Attributes:
        what: the network is, in an artist's words; with hyphens the file's format says so too.
        architecture: a dataclass of what the tensors are shaped after.
        tensors: by their names.
        model_sha256: of the file of the network's model.
        steps: of training that the network has behind it.
    """

    what: str
    architecture: Any
    tensors: Mapping[str, Tensor]
    model_sha256: str
    steps: int

    def write(self, path: Path) -> None:
        """Write the file, which appears whole or not at all. Raises ModelError."""
        header = {
            "format": _format(self.what),
            "format_version": FORMAT_VERSION,
            "model_sha256": self.model_sha256,
            "steps": str(self.steps),
            "architecture": json.dumps(asdict(self.architecture)),
        }
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            temporary.write_bytes(to_bytes(dict(self.tensors), header))
            replace_file(temporary, path)
        except OSError as error:
            raise ModelError(f"The {self.what} cannot be written to {path}: {error.strerror or error}.") from error
        finally:
            temporary.unlink(missing_ok=True)


def halved(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a network as 16-bit floats, on the CPU."""
    return {name: value.detach().to("cpu", torch.float16) for name, value in network.state_dict().items()}


def read_network(path: Path, what: str, architecture: Any) -> NetworkFile:
    """Read the file of a network.

    Args:
        path: of the file.
        what: the network is to be.
        architecture: that it is to have.

    Raises:
        ModelError: the file is no such network, or one of another model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(f"The {what} {path} is damaged; prepare the model again.") from error
    if header.get("format") != _format(what) or header.get("format_version") != FORMAT_VERSION:
        raise ModelError(f"The file {path} is no {what} that this version wrote; prepare the model again.")
    if header.get("architecture") != json.dumps(asdict(architecture)):
        raise ModelError(f"The {what} {path} belongs to another model; prepare the model again.")
    steps = header.get("steps", "")
    return NetworkFile(
        what, architecture, tensors, header.get("model_sha256", ""), int(steps) if steps.isdecimal() else 0
    )


def _format(what: str) -> str:
    return f"draggan-{what.replace(' ', '-')}"
