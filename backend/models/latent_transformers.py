"""The latent transformers of models: the embedded model's comes with it, others are trained from their own samples."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path

import torch

import stylegan2
from backend import paths
from backend.editing.latent_transformer import LatentTransformer, LatentTransformerArchitecture
from backend.editing.latent_transformer_training import NEW, LatentTransformerTraining
from backend.editing.trajectories import IMAGES
from backend.models.preparation import PreparationStep, check_resume, train
from stylegan2 import ModelError
from stylegan2.critters import LATENT_TRANSFORMER
from stylegan2.model import fill
from stylegan2.network_file import NetworkFile, halved, read_network

WHAT = "latent transformer"
SAMPLES_A_STEP = NEW * IMAGES
SAMPLES = 20_000  # of the generator's, after which more helps little

log = logging.getLogger(__name__)


def file_of(model_sha256: str) -> Path:
    """Return the file that the latent transformer of a model is kept in, once it has been trained."""
    return paths.latent_transformers_folder() / f"{model_sha256}.safetensors"


def find_latent_transformer(model: stylegan2.Model) -> LatentTransformer | None:
    """Return the latent transformer of a model, on the CPU, or None where there is none that can be used."""
    saved = _saved(model)
    return None if saved is None else saved[0]


def prepare(
    model: stylegan2.Model, samples: int = SAMPLES, minutes: float | None = None, resume: bool = False
) -> Generator[PreparationStep, None, None]:
    """Train the latent transformer of a model; it is kept now and then, and when the iterator ends or is closed.

    Args:
        model: on the device to train on.
        samples: of the generator's to learn from, with those of the trainings before.
        minutes: the training ends after so long, in any case.
        resume: goes on with the latent transformer that is there.

    Raises:
        UserError: there is one and it is not to go on, or none where it is.
        ModelError: it cannot be written.
    """
    saved = _saved(model)
    check_resume(saved is not None, resume)
    network, steps = saved or (None, 0)
    training = LatentTransformerTraining(model.generator, network, steps)
    file = file_of(model.sha256)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep() -> None:
        save(training.average, model.sha256, training.steps, file)

    try:
        yield from train(training.step, keep, training.steps, SAMPLES_A_STEP, samples, minutes)
    finally:
        keep()


def save(network: LatentTransformer, model_sha256: str, steps: int, path: Path) -> None:
    """Write a latent transformer as 16-bit floats; the file appears whole or not at all. Raises ModelError."""
    NetworkFile(WHAT, network.architecture, halved(network), model_sha256, steps).write(path)


def load(path: Path, model: stylegan2.Model) -> tuple[LatentTransformer, int]:
    """Read the latent transformer of a model, in eval mode, in float32, on the CPU; and its steps.

    Raises:
        ModelError: the file is none, or one of another model.
    """
    architecture = LatentTransformerArchitecture.for_generator(model.generator)
    file = read_network(path, WHAT, architecture)
    if file.model_sha256 != model.sha256:
        raise ModelError(f"The {WHAT} {path} belongs to another model; prepare the model again.")
    with torch.device("meta"):
        network = LatentTransformer(architecture)
    fill(network, file.tensors, str(path))
    return network, file.steps


def _saved(model: stylegan2.Model) -> tuple[LatentTransformer, int] | None:
    for path in (file_of(model.sha256), LATENT_TRANSFORMER):
        if not path.is_file():
            continue
        try:
            return load(path, model)
        except ModelError as error:
            if path != LATENT_TRANSFORMER:  # which belongs to the embedded model alone
                log.warning("%s", error)
    return None
