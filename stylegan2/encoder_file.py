"""Encoder files: an encoder and how unlike its images of its generator's samples are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from .encoder import Encoder, EncoderArchitecture
from .generator import Generator
from .model import fill
from .network_file import NetworkFile, halved, read_network

WHAT = "encoder"
SAMPLE_DISTANCES = "own_parts"  # a tensor beside the weights; files were written with this name


@dataclasses.dataclass(frozen=True)
class SavedEncoder:
    """An encoder, the sha256 of the file of its model, and the training steps it has behind it."""

    encoder: Encoder
    model_sha256: str
    steps: int

    def save(self, path: Path) -> None:
        """Write the encoder as 16-bit floats; the file appears whole or not at all. Raises ModelError."""
        tensors = halved(self.encoder)
        if self.encoder.sample_distances is not None:
            tensors[SAMPLE_DISTANCES] = self.encoder.sample_distances.cpu()
        NetworkFile(WHAT, self.encoder.architecture, tensors, self.model_sha256, self.steps).write(path)


def load_encoder(path: Path, generator: Generator) -> SavedEncoder:
    """Read the encoder of a generator, in eval mode, in float32, on the CPU.

    Raises:
        ModelError: the file is no encoder, or one of another generator.
    """
    architecture = EncoderArchitecture.for_generator(generator)
    file = read_network(path, WHAT, architecture)
    with torch.device("meta"):
        encoder = Encoder(architecture)
    tensors = dict(file.tensors)
    sample_distances = tensors.pop(SAMPLE_DISTANCES, None)
    fill(encoder, tensors, str(path))
    encoder.sample_distances = None if sample_distances is None else sample_distances.float()
    return SavedEncoder(encoder, file.model_sha256, file.steps)
