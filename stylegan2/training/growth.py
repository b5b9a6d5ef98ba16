"""A larger generator that goes on where a smaller one stopped: more resolutions, wider layers."""

from __future__ import annotations

import torch
from torch import Tensor

from ..architecture import GeneratorArchitecture
from ..generator import Generator
from ..layers import SynthesisLayer, ToRGB

AFFINE = 0.25  # new styles start near one: with the full spread training began slowly


@torch.no_grad()
def new_generator(architecture: GeneratorArchitecture, seed: int) -> Generator:
    """A generator to train from scratch, the same for the same seed.

    Colours of a block begin faint, so that a new block changes little of the image so far.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(architecture)
    for module in generator.modules():
        if isinstance(module, SynthesisLayer | ToRGB):
            module.affine.weight.mul_(AFFINE)
        if isinstance(module, ToRGB):
            module.weight.mul_(0.1)
    return generator


@torch.no_grad()
def grown(small: Generator, architecture: GeneratorArchitecture, seed: int) -> Generator:
    """A generator of this architecture that makes, up to its new blocks' faint colours, the small one's images.

    `architecture` has at least as many blocks, each at least as wide; the mapping is the same.
    """
    large = new_generator(architecture, seed)
    old = dict(small.state_dict())
    for name, tensor in large.state_dict().items():
        if name in old:
            _lay_into(tensor, old[name], into_weight=name.endswith(".weight") and "affine" not in name)
    return large


def _lay_into(large: Tensor, small: Tensor, into_weight: bool) -> None:
    """Put the small tensor into the corner of the large one; old outputs ignore new inputs."""
    if large.ndim == 0:
        large.copy_(small)
        return
    outputs = slice(0, small.shape[0])
    if into_weight and large.ndim > 1:
        inputs = small.shape[1]
        large[outputs, inputs:] = 0
        # torgb's weights are divided by the root of the number of inputs at run time.
        gain = (large.shape[1] / inputs) ** 0.5 if large.shape[-1] == 1 and large.ndim == 4 else 1.0
        large[outputs, :inputs] = small * gain
    else:
        corner = tuple(slice(0, size) for size in small.shape)
        large[corner] = small
