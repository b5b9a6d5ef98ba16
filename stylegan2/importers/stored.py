"""What an importer finds in a file: architectures, and named tensors that are not read before they are wanted."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..architecture import DiscriminatorArchitecture, GeneratorArchitecture, MappingArchitecture
from ..errors import ModelError
from ..mapping import DenseStack
from ..model import BUFFERS, fill

log = logging.getLogger(__name__)

MAX_LAYERS = 64  # of a kind
MEAN_SAMPLES = 10_000  # fewer where they would be more numbers than
MEAN_NUMBERS = 1 << 24


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file; `read` decodes it and raises ModelError when it is damaged."""

    shape: tuple[int, ...]
    read: Callable[[], Tensor]

    def changed(self, change: Callable[[Tensor], Tensor]) -> StoredTensor:
        """The same with other numbers in the same shape."""
        return StoredTensor(self.shape, lambda: change(self.read()))

    def reshaped(self, *shape: int) -> StoredTensor:
        """The same numbers in another shape; as it is when they are more or fewer, which a later check then tells."""
        if math.prod(shape) != math.prod(self.shape):
            return self
        return StoredTensor(shape, lambda: self.read().reshape(shape))

    def permuted(self, *order: int) -> StoredTensor:
        """The same with its dimensions in another order."""
        return StoredTensor(tuple(self.shape[i] for i in order), lambda: self.read().permute(order))


Architecture = TypeVar("Architecture", GeneratorArchitecture, DiscriminatorArchitecture)


@dataclass(frozen=True)
class StoredNetwork(Generic[Architecture]):
    """A network in a file; its tensors under our names."""

    architecture: Architecture
    tensors: Mapping[str, StoredTensor]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(math.prod(t.shape) for name, t in self.tensors.items() if not name.endswith(BUFFERS))

    def read(self) -> dict[str, Tensor]:
        """Every tensor, decoded. Raises ModelError."""
        return {name: tensor.read() for name, tensor in self.tensors.items()}


@dataclass(frozen=True)
class StoredModel:
    """A foreign file that was understood; `format` is whose it is, in words."""

    format: str
    generator: StoredNetwork[GeneratorArchitecture]
    discriminator: StoredNetwork[DiscriminatorArchitecture] | None


class Tensors:
    """The tensors of one network under the names of their file, taken one after the other; none may be left."""

    def __init__(self, tensors: dict[str, StoredTensor], path: str) -> None:
        self.tensors, self.path = tensors, path
        self.left = set(tensors)

    def has(self, name: str) -> bool:
        return name in self.tensors

    def count(self, pattern: str, first: int = 0) -> int:
        """How many there are of the names `pattern` with the numbers from `first` on. Raises ModelError at too many."""
        for count in range(MAX_LAYERS):
            if not self.has(pattern.format(first + count)):
                return count
        raise ModelError(f"The model file {self.path} holds more layers than any StyleGAN2 has; choose another file.")

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """Raises ModelError when it is missing or of other dimensions."""
        if not self.has(name):
            raise ModelError(f"The model file {self.path} lacks {name}; it is incomplete, get it again.")
        shape = self.tensors[name].shape
        if len(shape) != dimensions or not all(0 < side < 1 << 20 for side in shape):
            raise ModelError(f"In the model file {self.path}, {name} has a strange shape; get it again.")
        return shape

    def take(self, name: str, dimensions: int) -> StoredTensor:
        """The tensor, which then counts as used. Raises ModelError as shape() does."""
        self.shape(name, dimensions)
        self.left.discard(name)
        return self.tensors[name]

    def finish(self) -> None:
        """Raise ModelError when something is left that our networks have no place for."""
        if self.left:
            raise ModelError(
                f"The model file {self.path} holds {min(self.left)[:80]!r}, which is no part of a StyleGAN2 network; "
                "choose another file."
            )


def if_it_fits(
    read: Callable[[], StoredNetwork[DiscriminatorArchitecture]], generator: GeneratorArchitecture, path: str
) -> StoredNetwork[DiscriminatorArchitecture] | None:
    """The discriminator, or None (with a line in the log) when none belongs to this generator."""
    try:
        found = read()
        if found.architecture.image_size != generator.image_size:
            raise ModelError("its pictures have another size than the generator's.")
    except ModelError as error:
        left_out(path, error)
        return None
    return found


def left_out(path: str, error: ModelError) -> None:
    """Log why a file's discriminator is not used; a warning would go to stderr at every load."""
    log.info("The discriminator in %s is left out: %s", path, error)


def mean_of_w(architecture: MappingArchitecture, tensors: Mapping[str, StoredTensor], path: str) -> StoredTensor:
    """The mean of W of a file that does not store it: that of samples, always the same ones."""

    def read() -> Tensor:
        with torch.device("meta"):
            mapping = DenseStack(architecture)
        own = {name.partition(".")[2]: tensor for name, tensor in tensors.items() if name.startswith("mapping.")}
        fill(mapping, {name: tensor.read() for name, tensor in own.items() if name != "w_avg"}, path)
        classes = architecture.c_dim
        widest = max(architecture.z_dim, classes, architecture.layer_features, architecture.w_dim)
        count = min(MEAN_SAMPLES, MEAN_NUMBERS // widest)
        z = torch.randn(count, architecture.z_dim, generator=torch.Generator().manual_seed(0))
        c = one_hot(torch.arange(count) % classes, classes) if classes else None
        return mapping.transform(z, c).mean(dim=0)

    return StoredTensor((architecture.w_dim,), read)
