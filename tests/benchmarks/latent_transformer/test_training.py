"""The latent transformer: it learns from samples alone how the code changes where an image moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import stylegan2
from stylegan2.architecture import generator_architecture
from tests.benchmarks.latent_transformer import training as lessons
from tests.benchmarks.latent_transformer import trajectories
from tests.benchmarks.latent_transformer.network import LatentTransformer
from tests.benchmarks.latent_transformer.training import LatentTransformerTraining
from tests.benchmarks.latent_transformer.trajectories import IMAGES, new_trajectory

CHECKPOINTS = Path(__file__).parents[2] / "data" / "checkpoints"


@pytest.fixture(scope="module", autouse=True)
def _smaller() -> Iterator[None]:
    """Batches that cost less than in earnest."""
    with pytest.MonkeyPatch.context() as changes:
        changes.setattr(lessons, "BATCH", 16)
        yield


@pytest.fixture(scope="module")
def generator() -> stylegan2.Generator:
    torch.manual_seed(1)
    architecture = generator_architecture(
        z_dim=16, w_dim=8, img_resolution=32, mapping_layers=2, channel_base=256, channel_max=16, use_noise=False
    )
    return stylegan2.Generator(architecture).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def training(generator: stylegan2.Generator) -> LatentTransformerTraining:
    """After some steps, on the same few trajectories."""
    with pytest.MonkeyPatch.context() as changes:
        changes.setattr(lessons, "NEW", 0)
        changes.setattr(lessons, "WARM_UP", 20)
        training = LatentTransformerTraining(generator)
        for _ in range(60):
            training.step()
    return training


def sample(generator: stylegan2.Generator, seed: int = 5) -> torch.Tensor:
    return generator.mapping(torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed)))


@torch.no_grad()
def error(network: LatentTransformer, training: LatentTransformerTraining) -> float:
    """How far from the ends of the trajectories, as a share of how far those go."""
    wrong = asked = 0.0
    for seen in training._trajectories:
        handles = (
            seen.features[:1, :32].float(),
            seen.places[:1, :32],
            seen.motion[:1, -1, :32],
            ~seen.found[:1, -1, :32],
        )
        wrong += float((network(seen.codes[:1], *handles) - seen.codes[-1]).square().sum())
        asked += float((seen.codes[0] - seen.codes[-1]).square().sum())
    return wrong / asked


def test_it_learns_and_goes_on_from_where_it_was(
    generator: stylegan2.Generator, training: LatentTransformerTraining
) -> None:
    assert error(LatentTransformer.for_generator(generator).eval(), training) == pytest.approx(1)
    after = error(training.average, training)
    assert after < 0.8
    resumed = LatentTransformerTraining(generator, training.average, training.steps)
    assert error(resumed.average, training) == pytest.approx(after)
    resumed.step()
    assert resumed.steps == training.steps + 1


def test_a_new_one_leaves_a_code_as_it_is(generator: stylegan2.Generator) -> None:
    w_plus, handles = sample(generator), torch.tensor([[3.0, 4.0]])
    network = LatentTransformer.for_generator(generator).eval()
    assert torch.equal(network.edit(generator, w_plus, handles, handles + 5), w_plus)


def test_only_the_first_layers_change(generator: stylegan2.Generator, training: LatentTransformerTraining) -> None:
    w_plus, handles = sample(generator), torch.tensor([[9.0, 12.0], [20.0, 16.0]])
    change = training.average.edit(generator, w_plus, handles, handles + 3) - w_plus
    assert bool(change[:, :6].any(dim=2).all())
    assert not bool(change[:, 6:].any())


def test_the_order_of_the_handles_does_not_matter(
    generator: stylegan2.Generator, training: LatentTransformerTraining
) -> None:
    w_plus, handles = sample(generator), torch.tensor([[9.0, 12.0], [20.0, 16.0]])
    targets = handles + torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    there = training.average.edit(generator, w_plus, handles, targets)
    back = training.average.edit(generator, w_plus, handles.flip(0), targets.flip(0))
    assert torch.allclose(there, back, atol=1e-4)


def test_the_same_seed_sees_the_same_samples(generator: stylegan2.Generator) -> None:
    first, second, other = (LatentTransformerTraining(generator, seed=seed).step() for seed in (3, 3, 4))
    assert first == second != other


def test_the_generator_is_left_alone(generator: stylegan2.Generator, training: LatentTransformerTraining) -> None:
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    training.step()
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())


def texture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(-1, 1, (16, 16, 3)).astype(np.float32)
    return cv2.resize(noise, (128, 128), interpolation=cv2.INTER_CUBIC).clip(-1, 1)


def test_points_are_followed_through_a_trajectory() -> None:
    """A disc that moves by 12 pixels of 128 from image to image: its points go along, the others stay."""
    rows, columns = np.mgrid[:128, :128]
    images = []
    for number in range(IMAGES):
        inside = (columns - 36 - 12 * number) ** 2 + (rows - 64) ** 2 < 24**2
        images.append(np.where(inside[..., None], np.roll(texture(1), 12 * number, axis=1), texture(2)))
    points = np.tile(np.array([[40, 60], [36, 70], [36, 118]], np.float32) / 128, (IMAGES, 1, 1))
    motion, found = trajectories._motion(images, points)
    assert np.allclose(motion[0, -1] * 128, [[48, 0], [48, 0], [0, 0]], atol=3)
    assert found[0, -1].all()
    assert not motion[2, 2].any()


def test_a_trajectory_is_a_line_of_the_first_layers(generator: stylegan2.Generator) -> None:
    found = new_trajectory(generator, 4, 32, torch.Generator().manual_seed(2))
    steps = found.codes.diff(dim=0)
    assert found.codes.shape == (IMAGES, 4, 8)
    assert torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-5)
    assert bool((steps.norm(dim=(1, 2)) > 0).all())
    assert found.features.shape[:2] == found.places.shape[:2] == (IMAGES, trajectories.GRID**2)
    assert float(found.places.abs().max()) <= 0.5


def test_an_upright_format_has_points_up_to_its_sides() -> None:
    upright = stylegan2.load(CHECKPOINTS / "official_nonsquare.pkl").generator
    height, width = upright.image_size
    found = new_trajectory(upright, 4, upright.block_resolutions[-1], torch.Generator().manual_seed(2))
    x, y = found.places.abs().amax(dim=(0, 1))
    assert 0.9 * width / height < 2 * x <= width / height
    assert 0.9 < 2 * y <= 1
