"""Inversion: the image is found again, what is transparent says nothing, the code stays near the mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import stylegan2
from backend.editing.initial_candidates import BATCH, initial_candidates
from backend.editing.inversion import adam, invert, lbfgs
from backend.editing.preset import LoadedModel
from backend.editing.reconstruction_loss import ReconstructionLoss, psnr
from backend.editing.settings import InversionSettings
from backend.editing.tensor_cache import TensorCache
from stylegan2.encoder import Encoder
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
    numbers = [step.step for step in steps]
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (0, steps[0].steps)
    assert steps[-1].psnr > 24
    assert steps[-1].psnr > steps[0].psnr + 8


def test_with_the_encoder_it_is_found_in_few_steps_and_without_a_search(
    critters: LoadedModel, image: torch.Tensor
) -> None:
    steps = list(invert(critters.model, image, OPAQUE, InversionSettings(steps=24), encoder=critters.encoder))
    assert steps[-1].steps == 24
    assert steps[0].psnr > 15
    assert steps[-1].psnr > 32


def test_where_the_encoder_fails_it_is_searched(
    critters: LoadedModel, image: torch.Tensor, new_cache: Callable[[], TensorCache]
) -> None:
    untrained = Encoder.for_generator(critters.model.generator)
    steps = list(invert(critters.model, image, OPAQUE, InversionSettings(steps=12), new_cache(), untrained))
    assert steps[0].psnr < 15
    assert steps[-1].steps > 40
    assert steps[-1].psnr > steps[12].psnr + 1


def test_it_ends_when_nothing_improves(critters: LoadedModel, new_cache: Callable[[], TensorCache]) -> None:
    grey = torch.zeros(1, 3, 256, 256)
    endless = InversionSettings(steps=40, mean_weight=100.0)  # so strong a pull leaves nothing to improve
    steps = list(invert(critters.model, grey, OPAQUE, endless, new_cache(), critters.encoder))
    assert steps[-1].step == steps[-1].steps > steps[-2].step + 8


def test_transparent_pixels_are_left_out(
    critters: LoadedModel, image: torch.Tensor, new_cache: Callable[[], TensorCache]
) -> None:
    weight, spoilt = OPAQUE.clone(), image.clone()
    weight[..., :40] = 0
    spoilt[..., :40] = torch.rand(1, 3, 256, 40) * 2 - 1
    settings = InversionSettings(steps=6)
    for encoder in (None, critters.encoder):
        clean, other = (
            list(invert(critters.model, p, weight, settings, new_cache(), encoder))[-1] for p in (image, spoilt)
        )
        assert torch.equal(clean.w_plus, other.w_plus)
    assert psnr(clean.image, spoilt, weight) == psnr(clean.image, image, weight)


def test_no_steps_keep_the_encoders_guess(critters: LoadedModel, image: torch.Tensor) -> None:
    assert critters.encoder is not None
    (step,) = invert(critters.model, image, OPAQUE, InversionSettings(steps=0), encoder=critters.encoder)
    assert torch.equal(step.w_plus, critters.encoder.encode(critters.model.generator, image, OPAQUE))


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
    found = []
    for weight in (0.0, 0.1):
        settings = InversionSettings(steps=16, mean_weight=weight)
        *_, last = invert(critters.model, noise, OPAQUE, settings, new_cache(), critters.encoder)
        found.append(last)
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


def test_probes_tell_along_what_the_loss_curves_more(critters: LoadedModel) -> None:
    torch.manual_seed(0)
    directions = torch.randn(2, 3, 32, 32) * torch.tensor([1.0, 30.0])[:, None, None, None]
    loss = ReconstructionLoss(critters.model, torch.rand(1, 3, 32, 32), torch.rand(1, 1, 32, 32))

    def image(at: torch.Tensor) -> torch.Tensor:
        return (at[:, None, None, None] * directions).sum(dim=0, keepdim=True)

    at, random = torch.zeros(2, requires_grad=True), torch.Generator().manual_seed(1)
    squares = [torch.autograd.grad(loss.probe(image(at), random), at)[0].square() for _ in range(200)]
    curvature = torch.autograd.functional.hessian(lambda at: loss.pixel_loss(image(at)), torch.zeros(2)).diagonal()
    assert torch.allclose(2 * torch.stack(squares).mean(dim=0), curvature, rtol=0.3)


def rosenbrock(code: torch.Tensor) -> torch.Tensor:
    """A bent valley: 0 at (1, 1)."""
    x, y = code.flatten()
    return (1 - x).square() + 100 * (y - x.square()).square()


def test_lbfgs_finds_the_end_of_a_bent_valley() -> None:
    *_, (loss, point) = lbfgs(torch.tensor([[[-1.2, 1.0]]]), rosenbrock, 60)
    assert loss < 1e-6
    assert torch.allclose(point, torch.ones(()), atol=1e-3)


def test_adam_moves_all_layers_together_where_all_want_the_same() -> None:
    goal, start = torch.ones(1, 4, 3), torch.zeros(1, 4, 3)
    goal[:, 0] = 0.5
    *_, (loss, code) = adam(start, lambda at: (at - goal).square().sum(), 80, 0.1)
    assert loss < 0.01
    assert torch.allclose(code, goal, atol=0.05)


def test_the_loss_of_a_draft_is_that_of_the_target_made_smaller(critters: LoadedModel) -> None:
    target = torch.rand(1, 3, 256, 256) * 2 - 1
    loss = ReconstructionLoss(critters.model, target, OPAQUE)
    small = torch.nn.functional.avg_pool2d(target, 4)
    assert float(loss.pixel_loss(small)) == pytest.approx(0, abs=1e-10)
    assert float(loss.pixel_loss(-small)) > 0
