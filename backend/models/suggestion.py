"""Which of the models that are here fits an image: how well each could show it, beside what it reaches on its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from backend.editing.draft_judge import DraftJudge
from backend.editing.fit import FITS, Fit, Judge, fit_of
from backend.editing.pixels import to_model
from backend.editing.preset import LoadedModel
from backend.editing.subject import find_subject
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError
from backend.models import encoders, models
from backend.models.models import Offered
from stylegan2.errors import ModelError

log = logging.getLogger(__name__)


class Suggestion(NamedTuple):
    """How well a model fits an image.

    Attributes:
        model: that could be taken.
        fit: in a word.
        deviations: by which its image is worse than what it reaches on its own samples; the fewer the better.
    """

    model: Offered
    fit: Fit
    deviations: float


def judged(loaded: LoadedModel, image: np.ndarray, cache: TensorCache) -> float:
    """Return by how many deviations a model shows an image worse than its own: by its encoder, else by drafts.

    Args:
        loaded: the model.
        image: uint8 [H, W, 4].
        cache: where what is known of the model is kept.

    Raises:
        UserError: the image is too small, or transparent where the model looks.
    """
    generator = loaded.model.generator
    judge = Judge(loaded.model, loaded.encoder, cache) if loaded.encoder else None
    size, aligned = generator.image_size, loaded.aligned_faces
    region = find_subject(judge, image, size, band=loaded.band, aligned_faces=aligned)
    part = region.crop(image)
    if region.is_empty(part):
        raise UserError("The picture is fully transparent where the model looks; there is nothing to compare.")
    target, weight = to_model(region.shrink(part), generator.mapping.w_avg.device)
    if judge is None:
        return DraftJudge(loaded.model, cache).deviations(target, weight)
    return judge.deviations(judge.guess(target, weight), target, weight)


def suggest(image: np.ndarray, device: torch.device, cache: TensorCache) -> Iterator[Suggestion]:
    """Judge the models that are here, one after the other, in their own order; what cannot be read is left out.

    Args:
        image: uint8 [H, W, 4].
        device: to compute on.
        cache: where what is known of the models is kept.

    Raises:
        UserError: as judged() does.
    """
    yield from _suggest(models.offered(), image, device, cache)


def better_model(
    image: np.ndarray, name: str, device: torch.device, cache: TensorCache, seconds: float
) -> Suggestion | None:
    """Look for a model that fits an image which another one cannot show, as far as that takes a moment.

    Args:
        image: uint8 [H, W, 4].
        name: of the model that cannot.
        device: to compute on.
        cache: where what is known of the models is kept.
        seconds: after which no further model is looked at.

    Returns:
        The best of the others with an encoder that were looked at, None where none of them shows it fairly.
    """
    until = time.monotonic() + seconds
    others = [model for model in models.offered() if model.name != name and encoders.is_prepared(model.path)]
    found: list[Suggestion] = []
    try:
        for model in others:
            if time.monotonic() > until:
                break
            found += _suggest([model], image, device, cache)
    except UserError as error:
        log.info("nothing is suggested: %s", error)
    best = min(found, key=order, default=None)
    return best if best is not None and best.fit != "poor" else None


def order(suggestion: Suggestion) -> tuple[int, float]:
    """By which suggestions are sorted, the best first."""
    return FITS.index(suggestion.fit), suggestion.deviations


def _suggest(
    offered: list[Offered], image: np.ndarray, device: torch.device, cache: TensorCache
) -> Iterator[Suggestion]:
    for model in offered:
        try:
            loaded = models.open_model(model.name, device)
        except (ModelError, UserError) as error:
            log.info("%s is left out: %s", model.name, error)
            continue
        deviations = judged(loaded, image, cache)
        yield Suggestion(model, fit_of(deviations), deviations)
