"""The landmark detector finds what the renderer put into an image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan2.critters.making import factors
from stylegan2.critters.making.landmarks import LANDMARKS, landmarks
from stylegan2.critters.making.pairs import HELD_OUT
from stylegan2.critters.making.renderer import render
from tests.benchmarks.detector import WEIGHTS, Detector, load_detector, places, save_detector
from tests.benchmarks.detector_training import Batches, Examples, bumps, loss, mirrored

COUNT, SIZE = 8, 128


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector()


@pytest.fixture(scope="module")
def values() -> Tensor:
    return factors.random(HELD_OUT, COUNT)


@pytest.fixture(scope="module")
def images(values: Tensor) -> Tensor:
    return render(values, SIZE)


def mean_error(found: Tensor, values: Tensor, height: int, width: int) -> float:
    """Of the landmarks that show, in percent of the height."""
    points, visibility = landmarks(values, height, width)
    return float((found - points).norm(dim=-1)[visibility == 1].mean() / height * 100)


def test_it_finds_the_landmarks_of_held_out_renders(detector: Detector, values: Tensor, images: Tensor):
    points, visibility = detector.find(images)
    assert points.shape == (COUNT, len(LANDMARKS), 2)
    assert mean_error(points, values, SIZE, SIZE) < 1.5
    wanted = landmarks(values, SIZE)[1]
    assert ((visibility > 0.5) == (wanted == 1)).float().mean() > 0.9
    assert visibility.min() >= 0
    assert visibility.max() <= 1


def test_softness_and_noise_hardly_matter(detector: Detector, values: Tensor, images: Tensor):
    soft = F.avg_pool2d(F.pad(images.float(), (1, 1, 1, 1), mode="replicate"), 3, 1)
    noise = 5 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    worse = (soft + noise).round().clamp(0, 255).to(torch.uint8)
    assert mean_error(detector.find(worse)[0], values, SIZE, SIZE) < 2


@pytest.mark.parametrize(("height", "width"), [(100, 100), (96, 150), (120, 110)])
def test_points_are_in_pixels_of_the_image_whatever_its_size(
    detector: Detector, values: Tensor, height: int, width: int
):
    found, _ = detector.find(render(values[:4], height, width))
    assert mean_error(found, values[:4], height, width) < 2


def test_it_tells_the_factors(detector: Detector, values: Tensor, images: Tensor):
    told = detector.factors(images)
    assert told.shape == values.shape
    error = (told - values).abs().mean(0)
    assert error.mean() < 0.14  # 0.25 is what not looking comes to
    assert error[factors.index("yaw")] < 0.05


def test_features_are_those_of_one_image_whatever_is_beside_it(detector: Detector, images: Tensor):
    features = detector.features(images)
    assert features.shape == (COUNT, 128)
    torch.testing.assert_close(detector.features(images[5:6]), features[5:6], rtol=1e-3, atol=1e-3)


def test_the_weights_are_small_and_survive_being_written(detector: Detector, images: Tensor, tmp_path: Path):
    assert WEIGHTS.stat().st_size < 4_000_000
    save_detector(detector, tmp_path / "again.safetensors")
    again = load_detector(tmp_path / "again.safetensors")
    assert torch.equal(again.features(images[:2]), detector.features(images[:2]))


def test_a_bump_has_its_mean_where_it_should_be():
    points = torch.tensor([[[0.3, 0.62], [0.5, 0.5]]])
    share = bumps(points, 32)
    torch.testing.assert_close(share.sum(-1), torch.ones(1, 2))
    torch.testing.assert_close(places(share.log().view(1, 2, 32, 32)), points, rtol=0, atol=1e-4)


def test_a_mirrored_animal_is_the_animal_with_mirrored_factors(values: Tensor, images: Tensor):
    points, visibility = landmarks(values[:3], SIZE)
    which = torch.tensor([True, False, True])
    result = mirrored(which, images[:3], points / SIZE, visibility, values[:3])
    rendered = render(result[3], SIZE)
    assert (rendered.int() - result[0].int()).abs().float().mean() < 1
    torch.testing.assert_close(landmarks(result[3], SIZE)[0] / SIZE, result[1], rtol=0, atol=0.001)
    assert torch.equal(result[0][1], images[1])


def test_a_few_steps_of_the_training_learn_something(values: Tensor, images: Tensor):
    points, visibility = landmarks(values, SIZE)
    batches = Batches(Examples(images, values, points / SIZE, visibility), seed=0)
    torch.manual_seed(0)
    detector = Detector().train()
    optimiser = torch.optim.AdamW(detector.parameters(), lr=2e-3)
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        total, _ = loss(detector, *batches.next())
        total.backward()
        optimiser.step()
        losses.append(float(total.detach()))
    assert losses[-1] < 0.8 * losses[0]
