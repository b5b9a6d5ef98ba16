"""Inversion: the image is found again, what is transparent says nothing, the code stays near the mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import stylegan2
from backend.editing.initial_candidates import BATCH, initial_candidates
from backend.editing.inversion import invert, total_steps
from backend.editing.preset import LoadedModel
from backend.editing.reconstruction_loss import ReconstructionLoss, psnr
from backend.editing.settings import InversionSettings
from backend.editing.tensor_cache import TensorCache
from stylegan2.latent_space import LatentSpace
from tests.drafts import remember_drafts

QUICK = InversionSettings(steps=36)
OPAQUE = torch.ones(1, 1, 256, 256)
WITH_DISCRIMINATOR = Path(__file__).parents[2] / "data" / "checkpoints" / "official_square.pkl"


@pytest.fixture(scope="module")
def image(critters: LoadedModel, w_plus: torch.Tensor) -> torch.Tensor:
    return critters.model.generator.synthesis(w_plus).clamp(-1, 1)


def test_a_image_of_the_models_own_is_found_again(
    critters: LoadedModel, image: torch.Tensor, new_cache: Callable[[], TensorCache]
) -> None:
    steps = list(invert(critters.model, image, OPAQUE, QUICK, new_cache()))
    assert sorted({step.step for step in steps}) == list(range(total_steps(QUICK) + 1))
    assert steps[-1].psnr > 24
    assert steps[-1].psnr > steps[0].psnr + 8


def test_transparent_pixels_are_left_out(
    critters: LoadedModel, image: torch.Tensor, new_cache: Callable[[], TensorCache]
) -> None:
    weight, spoilt = OPAQUE.clone(), image.clone()
    weight[..., :40] = 0
    spoilt[..., :40] = torch.rand(1, 3, 256, 40) * 2 - 1
    settings = InversionSettings(steps=6)
    clean, other = (list(invert(critters.model, p, weight, settings, new_cache()))[-1] for p in (image, spoilt))
    assert torch.equal(clean.w_plus, other.w_plus)
    assert psnr(clean.image, spoilt, weight) == psnr(clean.image, image, weight)


def test_no_steps_keep_the_nearest_candidate(
    critters: LoadedModel, image: torch.Tensor, new_cache: Callable[[], TensorCache]
) -> None:
    steps = list(invert(critters.model, image, OPAQUE, InversionSettings(steps=0), new_cache()))
    assert {step.step for step in steps} == {0}
    assert steps[-1].psnr == max(step.psnr for step in steps)
    assert steps[-1].psnr > 10


def test_the_next_process_finds_the_drafts_on_disk(critters: LoadedModel, image: torch.Tensor, tmp_path: Path) -> None:
    remember_drafts(tmp_path)
    samples = LatentSpace(critters.model.generator).samples
    cache = TensorCache(tmp_path / "cache")
    (best,) = initial_candidates(critters.model, samples, image, OPAQUE, 16, cache)
    assert len(set(best)) == 16
    changed = dataclasses.replace(critters.model, sha256="of other weights")
    first = next(initial_candidates(changed, samples, image, OPAQUE, 16, cache))
    assert max(first) < BATCH, "drafts of another model are not taken"


def test_the_pull_keeps_the_code_nearer_to_the_mean(
    critters: LoadedModel, image: torch.Tensor, new_cache: Callable[[], TensorCache]
) -> None:
    space = LatentSpace(critters.model.generator)
    noise = (image + torch.randn(image.shape, generator=torch.Generator().manual_seed(0)) * 0.4).clamp(-1, 1)
    found = [
        list(invert(critters.model, noise, OPAQUE, InversionSettings(24, mean_weight=weight), new_cache()))[-1]
        for weight in (0.0, 0.1)
    ]
    free, pulled = (float(space.distance(step.w_plus)) for step in found)
    assert pulled < 0.7 * free


def test_a_sample_lies_at_a_distance_of_about_one(critters: LoadedModel) -> None:
    space = LatentSpace(critters.model.generator)
    assert float(space.distance(space.samples[:, None]).mean()) == pytest.approx(1.0, abs=0.3)
    assert float(space.distance(space.mean[None, None])) == pytest.approx(0.0, abs=1e-6)


def test_psnr_is_measured_after_clamping_and_only_where_it_counts() -> None:
    image, weight = torch.full((1, 3, 8, 8), 3.0), torch.ones(1, 1, 8, 8)
    assert psnr(image, torch.ones(1, 3, 8, 8), weight) == pytest.approx(100.0, abs=10)
    half = torch.ones(1, 3, 8, 8)
    half[..., :4] = -1
    weight[..., :4] = 0
    assert psnr(image, half, weight) > 90


def test_a_model_with_a_discriminator_is_compared_by_its_features_too() -> None:
    model = stylegan2.load(WITH_DISCRIMINATOR)
    image = model.generator.synthesis(model.generator.mapping(torch.randn(1, model.generator.z_dim))).clamp(-1, 1)
    other = torch.zeros_like(image)
    weight = torch.ones(1, 1, 32, 32)
    bare = stylegan2.Model(model.generator, None, model.metadata)
    assert float(ReconstructionLoss(model, image, weight)(image)) == pytest.approx(0.0, abs=1e-8)
    assert float(ReconstructionLoss(model, image, weight)(other)) > float(
        ReconstructionLoss(bare, image, weight)(other)
    )
