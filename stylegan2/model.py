"""A model as one loads it: the networks, what is known about them, and the file's checksum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .architecture import DiscriminatorArchitecture, GeneratorArchitecture
from .discriminator import Discriminator
from .errors import ModelError
from .generator import Generator

BUFFERS = ("noise_const", "resample_filter", "w_avg")  # what the names of tensors that are not trained end with


@dataclass(frozen=True)
class Metadata:
    """Where the weights come from, and the drag settings stored with them (opaque to this package)."""

    name: str
    licence: str = "unknown"
    source: str = "unknown"
    preset: dict[str, Any] = field(default_factory=dict)


@dataclass
class Model:
    """A generator, and its discriminator where the file has one.

    `sha256` is of the file that was read, "" for a new model.
    """

    generator: Generator
    discriminator: Discriminator | None
    metadata: Metadata
    sha256: str = ""


@dataclass(frozen=True)
class Description:
    """What a model file holds; `format` is in words, the counts are those of trained weights."""

    format: str
    metadata: Metadata
    sha256: str
    generator: GeneratorArchitecture
    generator_parameters: int
    discriminator: DiscriminatorArchitecture | None
    discriminator_parameters: int


def _own(tensor: Tensor) -> Tensor:
    """A float32 copy: apart from the mapped file (which Windows could not replace meanwhile), and aligned."""
    return tensor.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], file: str) -> None:
    """Give `network` (built on the meta device, at no cost in memory) its weights, as frozen float32.

    `file` names the model file in messages. Raises ModelError when a tensor is missing, left over, of another
    shape or not of floating-point numbers. Left over resampling filters are fine: NVIDIA's files store them
    in layers that do not resample.
    """
    expected = network.state_dict()
    for name, parameter in expected.items():
        tensor = tensors.get(name)
        if tensor is None:
            raise ModelError(f"The model file {file} lacks {name}; it is incomplete, get it again.")
        if tensor.shape != parameter.shape or not tensor.is_floating_point():
            raise ModelError(
                f"In the model file {file}, {name} is {tensor.dtype} {list(tensor.shape)} where "
                f"floating-point numbers {list(parameter.shape)} belong; get it again."
            )
    extra = [name for name in tensors if name not in expected and not name.endswith("resample_filter")]
    if extra:
        raise ModelError(
            f"The model file {file} holds {extra[0][:80]!r}, which is no part of a StyleGAN2 network; "
            "choose another file."
        )
    network.load_state_dict({name: _own(tensors[name]) for name in expected}, assign=True)
    network.eval().requires_grad_(False)
