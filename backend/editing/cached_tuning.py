"""Tuning to a layer's pixels that looks into the cache first; it also keeps the weights that a layer only names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

import stylegan2
from backend.editing.pivotal_tuning import VERSION, TuningStep, Weights, digest_of, tune, weights_fit, with_weights
from backend.editing.pixels import digest, to_model
from backend.editing.region import Region
from backend.editing.settings import TuningSettings
from backend.editing.tensor_cache import TensorCache

WEIGHTS = "tuned weights"  # the first part of their key; the second is their hash


def tune_once(
    model: stylegan2.Model,
    w_plus: torch.Tensor,
    part: np.ndarray,
    region: Region,
    settings: TuningSettings,
    cache: TensorCache,
) -> Iterator[TuningStep]:
    """Yield every step of a tuning, but only the last one when the cache holds it.

    Args:
        model: whose generator is copied and tuned.
        w_plus: [1, num_ws, w_dim], the pivot.
        part: uint8 [h, w, 4], the region's pixels.
        region: what they are of the layer.
        settings: of the tuning.
        cache: where the weights are looked for, and kept at the end.
    """
    pivot = digest(w_plus.detach().cpu().numpy())
    key = ("tuning", VERSION, model.sha256, digest(part), region, pivot, settings)
    known = _known(model.generator, cache, *key)
    if known is not None:
        tuned, quality = known
        yield TuningStep(
            settings.steps, settings.steps, quality, lambda: _image(model.generator, tuned, w_plus), tuned=tuned
        )
        return
    target, weight = to_model(region.shrink(part), w_plus.device)
    step = None
    for step in tune(model, w_plus, target, weight, settings):
        yield step
    assert step is not None
    assert step.tuned is not None
    sha256 = digest_of(step.tuned)
    cache.put(step.tuned, WEIGHTS, sha256)
    named = torch.tensor(list(bytes.fromhex(sha256)), dtype=torch.uint8)
    cache.put({"sha256": named, "psnr": torch.tensor(step.psnr, dtype=torch.float64)}, *key)


def remembered_weights(cache: TensorCache, sha256: str) -> Weights | None:
    """Return the weights that tune_once() has found, by their hash; None when the cache holds them no more."""
    tuned = cache.get(WEIGHTS, sha256)
    return tuned if tuned is not None and digest_of(tuned) == sha256 else None


def _known(generator: stylegan2.Generator, cache: TensorCache, *key: object) -> tuple[Weights, float] | None:
    known = cache.get(*key)
    if known is None or known.keys() != {"sha256", "psnr"}:
        return None
    tuned = remembered_weights(cache, bytes(known["sha256"].tolist()).hex())
    return (tuned, float(known["psnr"])) if tuned is not None and weights_fit(generator, tuned) else None


@torch.no_grad()
def _image(generator: stylegan2.Generator, tuned: Weights, w_plus: torch.Tensor) -> torch.Tensor:
    return with_weights(generator, tuned).synthesis(w_plus, noise_mode="const")
