"""The numbers that the model benchmark prints mean what they say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan2.critters.making import factors
from stylegan2.critters.making.measure import gradient_energy, peak_signal_to_noise
from stylegan2.critters.making.renderer import render
from tests.benchmarks.distributions import frechet_distance, precision_and_recall
from tests.benchmarks.model import Renders
from tests.benchmarks.spectrum import largest_deviation, power_spectrum, spectrum_deviation


def normal(count: int, features: int, seed: int = 0) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def animals() -> Tensor:
    return render(factors.random(11, 4), 64)


def test_the_distance_of_a_set_to_itself_is_zero():
    assert frechet_distance(normal(40, 6), normal(40, 6)) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_a_shifted_set_is_the_square_of_the_shift():
    shift = torch.tensor([3.0, 0.0, -4.0])
    assert frechet_distance(normal(40, 3), normal(40, 3) + shift) == pytest.approx(25)


def test_the_distance_of_a_set_as_wide_again_is_what_its_deviations_grew_by():
    """For covariances C and 4 C it is tr(C + 4 C - 2 * 2 C) = tr C."""
    values = normal(40, 5) @ normal(5, 5, seed=1)
    values -= values.mean(0)
    assert frechet_distance(values, 2 * values) == pytest.approx(float(values.T.cov().trace()))


def test_fewer_images_than_features_are_enough():
    assert frechet_distance(normal(5, 20), normal(5, 20)) == pytest.approx(0, abs=1e-6)


def test_a_set_covers_itself_and_nothing_far_away():
    values = normal(60, 4)
    assert precision_and_recall(values, values) == (1, 1)
    assert precision_and_recall(values, values + 100) == (0, 0)


def test_a_set_that_is_the_same_again_and_again_is_precise_but_recalls_nothing():
    values = normal(200, 4)
    narrow = values[:1] + 1e-6 * normal(200, 4, seed=1)
    precision, recall = precision_and_recall(narrow, values)
    assert precision == 1
    assert recall < 0.05


def test_blur_takes_gradient_energy_and_high_frequencies(animals: Tensor):
    blurred = F.avg_pool2d(animals.float(), 3, 1, 1).round().to(torch.uint8)
    assert gradient_energy(blurred) < 0.8 * gradient_energy(animals)
    deviation = spectrum_deviation(blurred[..., 4:-4, 4:-4], animals[..., 4:-4, 4:-4])
    assert len(deviation) == 28
    assert largest_deviation(deviation) < -2
    assert largest_deviation(spectrum_deviation(animals, animals)) == 0


def test_a_wave_is_in_the_ring_of_its_cycles():
    x = torch.arange(64) / 64
    wave = (127.5 + 100 * torch.cos(2 * torch.pi * 9 * x)).round().to(torch.uint8).expand(1, 3, 48, 64)
    assert int(power_spectrum(wave).argmax()) == pytest.approx(9 * 48 / 64, abs=1)
    assert len(power_spectrum(wave)) == 25


def test_twice_the_contrast_is_six_decibels_everywhere(animals: Tensor):
    low = (animals // 8).to(torch.uint8)
    assert spectrum_deviation(2 * low, low).tolist() == pytest.approx([20 * math.log10(2)] * 32, abs=1e-6)


def test_psnr_of_a_known_error(animals: Tensor):
    assert peak_signal_to_noise(animals // 2, animals // 2 + 10).tolist() == pytest.approx([28.13] * 4, abs=0.01)


def test_renders_are_kept_and_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stylegan2.critters.making.geometry.compile_parts", lambda: None)  # half a minute
    renders, values = Renders(tmp_path, (8, 12)), factors.random(1, 2)
    first = renders.of(values)
    assert torch.equal(first, render(values, 8, 12))
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    assert torch.equal(renders.of(values), first)
    assert kept.stat().st_mtime_ns == written
    assert not torch.equal(renders.of(factors.random(2, 2)), first)
