"""The encoders of models: the embedded model's comes with it, others are trained from the model's own samples."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import stylegan2
from backend import paths
from backend.editing.fit import Judge
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError
from backend.models.records import record_of
from stylegan2 import ModelError
from stylegan2.critters import ENCODER, WEIGHTS
from stylegan2.encoder import Encoder
from stylegan2.encoder_file import SavedEncoder, load_encoder
from stylegan2.training.encoder import BATCH, EncoderTraining

SAMPLES = 60_000  # of the generator's, augmented, after which an encoder is good
KEEP_EVERY = 60.0  # seconds
COOL_DOWN = 0.25  # share of a training in which the learning rate falls to 0

log = logging.getLogger(__name__)


def file_of(model_sha256: str) -> Path:
    """Return the file that the encoder of a model is kept in, once the model has been prepared."""
    return paths.encoders_folder() / f"{model_sha256}.safetensors"


def is_prepared(model_file: Path) -> bool:
    """Whether a model has an encoder, as far as can be told without reading the model."""
    record = record_of(model_file)
    return model_file == WEIGHTS or (record is not None and file_of(record.sha256).is_file())


def find_encoder(model: stylegan2.Model) -> Encoder | None:
    """Return the encoder of a model, on the CPU, or None where there is none that can be used."""
    saved = _saved(model)
    return None if saved is None else saved.encoder


def _saved(model: stylegan2.Model) -> SavedEncoder | None:
    for path in (file_of(model.sha256), ENCODER):
        if not path.is_file():
            continue
        try:
            saved = load_encoder(path, model.generator)
        except ModelError as error:
            if path != ENCODER:  # which belongs to the embedded model alone
                log.warning("%s", error)
            continue
        if saved.model_sha256 == model.sha256:
            return saved
    return None


class PreparationStep(NamedTuple):
    """How far a training is.

    Attributes:
        samples: of the generator's that were seen, in all trainings.
        total: of them that are asked for.
        loss: of the images, after the last step.
        seconds_left: about so long it will take, with what the steps took so far.
    """

    samples: int
    total: int
    loss: float
    seconds_left: float


def prepare(
    model: stylegan2.Model, samples: int = SAMPLES, minutes: float | None = None, resume: bool = False
) -> Generator[PreparationStep, None, None]:
    """Train the encoder of a model; it is kept now and then, and whenever the iterator ends or is closed.

    Args:
        model: on the device to train on.
        samples: of the generator's to learn from, with those of the trainings before.
        minutes: the training ends after so long, in any case.
        resume: goes on with the encoder that is there.

    Raises:
        UserError: there is an encoder and it is not to go on, or none where it is.
        ModelError: it cannot be written.
    """
    training = _training(model, resume)
    file = file_of(model.sha256)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    before, last = training.steps, -(-samples // BATCH)
    started = kept = time.monotonic()
    rate = 1.0
    try:
        while training.steps < last:
            loss = training.step(rate)["image"]
            now, taken = time.monotonic(), training.steps - before
            left = (last - training.steps) * (now - started) / taken
            if minutes is not None:
                left = min(left, 60 * minutes - (now - started))
            rate = min(left / (now - started + left) / COOL_DOWN, 1)
            yield PreparationStep(training.steps * BATCH, samples, loss, left)
            if left <= 0:
                break
            if now - kept > KEEP_EVERY:
                _keep(training, model, file)
                kept = now
        training.average.sample_distances = Judge(model, training.average, TensorCache()).sample_distances()
    finally:
        _keep(training, model, file)


def _training(model: stylegan2.Model, resume: bool) -> EncoderTraining:
    saved = _saved(model)
    if saved is None and resume:
        raise UserError("This model has not been prepared yet, so there is nothing to resume; leave --resume out.")
    if saved is None:
        return EncoderTraining(model.generator)
    if not resume:
        raise UserError("This model has been prepared already; give --resume to go on with the training.")
    return EncoderTraining(model.generator, saved.encoder, saved.steps)


def _keep(training: EncoderTraining, model: stylegan2.Model, file: Path) -> None:
    SavedEncoder(training.average, model.sha256, training.steps).save(file)
