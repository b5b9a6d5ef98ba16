"""The drafts of the embedded model, synthesised once for all tests: every search without its encoder begins with them.

They cost 14 seconds of one core, and a test of the server is not about them.
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import torch

from backend.editing.initial_candidates import drafts_key, initial_candidates
from backend.editing.preset import LoadedModel
from backend.editing.tensor_cache import TensorCache, Tensors
from backend.models import open_model
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


def remembered(loaded: LoadedModel) -> TensorCache:
    """Return a cache in memory that holds a model's drafts, and nothing else."""
    cache = TensorCache()
    cache.put(drafts_of(loaded), *drafts_key(loaded.model))
    return cache


def remember_drafts(home: Path) -> None:
    """Put the drafts into the cache of the backend whose data folder is `home`."""
    _remember()
    shutil.copytree(FOLDER, home / "cache", dirs_exist_ok=True)


@functools.cache
def _remember() -> None:
    drafts_of(open_model("critters"))
