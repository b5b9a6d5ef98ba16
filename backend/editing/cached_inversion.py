"""Inversion of a layer's pixels that looks into the cache first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch

import stylegan2
from backend.editing.inversion import VERSION, invert
from backend.editing.pixels import digest, over_ground, to_model
from backend.editing.preset import LoadedModel
from backend.editing.region import Region
from backend.editing.settings import InversionSettings
from backend.editing.tensor_cache import TensorCache


class CodeStep(NamedTuple):
    """The code w_plus [1, num_ws, w_dim] after a step of at most `steps`; its PSNR in dB may cost one synthesis.

    region: what its image shows of the layer, which is looked for, too, where the subject stands by itself.
    """

    step: int
    steps: int
    w_plus: torch.Tensor
    psnr: Callable[[], float]
    region: Region


def invert_once(
    loaded: LoadedModel, part: np.ndarray, region: Region, settings: InversionSettings, cache: TensorCache
) -> Iterator[CodeStep]:
    """Yield every step of an inversion, but only the last one when the cache holds it.

    Args:
        loaded: the model whose W+ is searched.
        part: uint8 [h, w, 4], the region's pixels.
        region: what they are of the layer.
        settings: of the inversion.
        cache: where the last step is looked for, and kept at the end.
    """
    model, encoder = loaded.model, loaded.encoder
    device = model.generator.mapping.w_avg.device
    key = ("inversion", VERSION, model.sha256, encoder is not None, digest(part), region, settings)
    known = _known(model.generator, cache, *key)
    if known is not None:
        w_plus, psnr = known
        yield CodeStep(1, 1, w_plus.to(device), lambda: psnr, region)
        return
    target, weight = to_model(region.shrink(part), device)
    if not part[..., 3].all():
        _, inside = to_model(region.shrink(np.full_like(part, 255)), device)
        target, weight = over_ground(target, weight, inside)
    step = None
    for step in invert(model, target, weight, settings, cache, encoder):
        yield CodeStep(step.step, step.steps, step.w_plus, lambda step=step: step.psnr, region)
    assert step is not None
    cache.put({"w_plus": step.w_plus, "psnr": torch.tensor(step.psnr, dtype=torch.float64)}, *key)


def _known(generator: stylegan2.Generator, cache: TensorCache, *key: object) -> tuple[torch.Tensor, float] | None:
    known = cache.get(*key)
    if known is None or known.keys() != {"w_plus", "psnr"}:
        return None
    fits = known["w_plus"].shape == (1, generator.num_ws, generator.w_dim)
    return (known["w_plus"], float(known["psnr"])) if fits else None
