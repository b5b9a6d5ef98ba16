"""The encoders of models: the embedded model's comes with it, others are trained from the model's own samples."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path

import stylegan2
from backend import paths
from backend.editing.fit import Judge
from backend.editing.tensor_cache import TensorCache
from backend.models.preparation import PreparationStep, check_resume, train
from backend.models.records import record_of
from stylegan2 import ModelError
from stylegan2.critters import ENCODER, WEIGHTS
from stylegan2.encoder import Encoder
from stylegan2.encoder_file import SavedEncoder, load_encoder
from stylegan2.training.encoder import BATCH, EncoderTraining

SAMPLES = 60_000  # of the generator's, augmented, after which an encoder is good

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

    def keep() -> None:
        SavedEncoder(training.average, model.sha256, training.steps).save(file)

    try:
        yield from train(lambda rate: training.step(rate)["image"], keep, training.steps, BATCH, samples, minutes)
        training.average.sample_distances = Judge(model, training.average, TensorCache()).sample_distances()
    finally:
        keep()


def _training(model: stylegan2.Model, resume: bool) -> EncoderTraining:
    saved = _saved(model)
    check_resume(saved is not None, resume)
    return EncoderTraining(model.generator, saved and saved.encoder, saved.steps if saved else 0)
