"""The latent transformers of models: trained, kept, and found again; that of the embedded model is in tests/data."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import torch

import stylegan2
from backend import paths
from backend.models.preparation import PreparationStep, check_resume, train
from stylegan2 import ModelError
from stylegan2.model import fill
from stylegan2.network_file import NetworkFile, halved, read_network
from tests.benchmarks.latent_transformer.network import LatentTransformer, LatentTransformerArchitecture
from tests.benchmarks.latent_transformer.training import NEW, LatentTransformerTraining
from tests.benchmarks.latent_transformer.trajectories import IMAGES

WEIGHTS = Path(__file__).parents[2] / "data" / "latent_transformer.safetensors"  # of the embedded model
WHAT = "latent transformer"
SAMPLES_A_STEP = NEW * IMAGES
SAMPLES = 20_000  # of the generator's


def file_of(model: stylegan2.Model) -> Path:
    """Return the file that the latent transformer of a model is kept in, once it has been trained."""
    return paths.data_folder() / "latent_transformers" / f"{model.sha256}.safetensors"


def find_latent_transformer(model: stylegan2.Model) -> tuple[LatentTransformer, int] | None:
    """Return the latent transformer of a model, on the CPU, and its steps; None where it has none.

    Raises:
        ModelError: its file is none.
    """
    own = file_of(model)
    if own.is_file():
        return load(own, model)
    try:
        return load(WEIGHTS, model)
    except ModelError:  # which is of the embedded model alone
        return None


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
    saved = find_latent_transformer(model)
    check_resume(saved is not None, resume)
    network, steps = saved or (None, 0)
    training = LatentTransformerTraining(model.generator, network, steps)
    file = file_of(model)
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
