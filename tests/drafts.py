"""The drafts of the embedded model, synthesised once for all tests: every inversion of a new backend begins with them.

They cost 14 seconds of one core, and a test of the server is not about them.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import torch

from backend.editing.fit import Judge, reference_key
from backend.editing.initial_candidates import drafts_key, initial_candidates
from backend.editing.preset import LoadedModel
from backend.editing.tensor_cache import TensorCache, Tensors
from backend.models import open_model
from stylegan2.encoder import Encoder
from stylegan2.latent_space import LatentSpace

FOLDER = Path(__file__).parents[1] / ".cache" / "drafts"


def drafts_of(loaded: LoadedModel) -> Tensors:
    """Return what initial_candidates() would put into its cache for `loaded`."""
    cache, key = TensorCache(FOLDER), drafts_key(loaded.model)
    known = cache.get(*key)
    if known is None:
        generator = loaded.model.generator
        image, weight = torch.zeros(1, 3, *generator.image_size), torch.ones(1, 1, *generator.image_size)
        for _ in initial_candidates(loaded.model, LatentSpace(generator).samples, image, weight, 1, cache):
            pass
        known = cache.get(*key)
    assert known is not None
    return known


def fit_of(loaded: LoadedModel, encoder: Encoder) -> Tensors:
    """Return what a Judge would put into its cache: what a model with an encoder reaches on its own samples."""
    cache, key = TensorCache(FOLDER), reference_key(loaded.model, encoder)
    if cache.get(*key) is None:
        generator = loaded.model.generator
        image, weight = torch.zeros(1, 3, *generator.image_size), torch.ones(1, 1, *generator.image_size)
        judge = Judge(loaded.model, encoder, cache)
        judge.fit(judge.guess(image, weight), image, weight)
    known = cache.get(*key)
    assert known is not None
    return known


def remembered(loaded: LoadedModel) -> TensorCache:
    """Return a cache in memory that holds what costs long of a model, and nothing else."""
    cache = TensorCache()
    cache.put(drafts_of(loaded), *drafts_key(loaded.model))
    if loaded.encoder is not None:
        cache.put(fit_of(loaded, loaded.encoder), *reference_key(loaded.model, loaded.encoder))
    return cache


def remember_drafts(home: Path) -> None:
    """Put what costs long of the embedded model into the cache of the backend whose data folder is `home`."""
    _remember()
    shutil.copytree(FOLDER, home / "cache", dirs_exist_ok=True)


@functools.cache
def _remember() -> None:
    loaded = open_model("critters")
    drafts_of(loaded)
    if loaded.encoder is not None:
        fit_of(loaded, loaded.encoder)
