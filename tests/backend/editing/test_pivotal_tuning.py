"""Pivotal tuning: a copy of the generator learns to show one image, the model and its other images stay."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

import stylegan2
from backend.editing.cached_tuning import remembered_weights, tune_once
from backend.editing.pivotal_tuning import PATIENCE, TuningStep, digest_of, tune, weights_fit, with_weights
from backend.editing.pixels import to_pixels
from backend.editing.region import Region
from backend.editing.settings import TuningSettings
from backend.editing.tensor_cache import TensorCache
from backend.errors import UserError

SMALL = Path(__file__).parents[2] / "data" / "checkpoints" / "official_square.pkl"  # 32 x 32, with a discriminator
SIZE = 32
OPAQUE = torch.ones(1, 1, SIZE, SIZE)
QUICK = TuningSettings(steps=40, step_size=0.02)
WHOLE = Region(0, 0, SIZE, SIZE, (SIZE, SIZE))


@pytest.fixture(scope="module")
def model() -> stylegan2.Model:
    """A network of random weights, its colours within those of an image."""
    model = stylegan2.load(SMALL)
    for name, parameter in model.generator.named_parameters():
        if name.endswith(("torgb.weight", "torgb.bias")):
            parameter.mul_(0.15)
    return model


def code(model: stylegan2.Model, seed: int) -> torch.Tensor:
    z = torch.randn(1, model.generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return model.generator.mapping(z)


@pytest.fixture(scope="module")
def pivot(model: stylegan2.Model) -> torch.Tensor:
    return code(model, 1)


@pytest.fixture(scope="module")
def target(model: stylegan2.Model, pivot: torch.Tensor) -> torch.Tensor:
    """What the pivot shows, with a white spot that no code shows."""
    image = model.generator.synthesis(pivot).clamp(-1, 1)
    image[..., 12:18, 10:18] = 1
    return image


@pytest.fixture(scope="module")
def steps(model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor) -> list[TuningStep]:
    return list(tune(model, pivot, target, OPAQUE, QUICK))


def tuned_of(steps: list[TuningStep]) -> Mapping[str, torch.Tensor]:
    assert steps[-1].tuned is not None
    return steps[-1].tuned


def test_the_tuned_generator_shows_the_image_at_the_pivot(steps: list[TuningStep]) -> None:
    assert steps[-1].psnr > steps[0].psnr + 3
    assert [step.tuned is None for step in steps] == [True] * (len(steps) - 1) + [False]


def test_steps_are_counted_and_the_time_that_is_left_runs_down(steps: list[TuningStep]) -> None:
    assert [step.step for step in steps[:-1]] == list(range(len(steps) - 1))
    assert {step.steps for step in steps} == {QUICK.steps}
    assert steps[-1].step == QUICK.steps
    assert steps[1].seconds_left > 0 == steps[-1].seconds_left


def test_the_model_is_left_as_it_was(model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor) -> None:
    before = {name: tensor.clone() for name, tensor in model.generator.state_dict().items()}
    list(tune(model, pivot, target, OPAQUE, TuningSettings(steps=3)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.generator.state_dict().items())
    parameters = [*model.generator.parameters(), *(model.discriminator or torch.nn.Identity()).parameters()]
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in parameters)


def test_what_is_shown_at_the_end_is_what_is_saved(
    model: stylegan2.Model, pivot: torch.Tensor, steps: list[TuningStep]
) -> None:
    tuned = tuned_of(steps)
    assert {tensor.dtype for tensor in tuned.values()} == {torch.float16}
    again = with_weights(model.generator, tuned).synthesis(pivot, noise_mode="const")
    assert torch.equal(again, steps[-1].image())


def test_the_coarse_blocks_and_the_mapping_are_not_tuned(model: stylegan2.Model, steps: list[TuningStep]) -> None:
    own = model.generator.state_dict()
    tuned = tuned_of(steps)
    assert {name.split(".")[1] for name in tuned} == {"b32"}
    assert sum(bool((tensor != own[name].half()).any()) for name, tensor in tuned.items()) > len(tuned) / 2


def test_locality_regularisation_keeps_other_images(
    model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor
) -> None:
    def change(weight: float) -> float:
        settings = dataclasses.replace(QUICK, locality_weight=weight)
        (*_, last) = tune(model, pivot, target, OPAQUE, settings)
        tuned = with_weights(model.generator, last.tuned or {})
        others = torch.cat([code(model, seed) for seed in range(2, 10)])
        return float((tuned.synthesis(others) - model.generator.synthesis(others)).square().mean())

    assert change(3.0) < 0.7 * change(0.0)


def test_transparent_pixels_say_nothing(model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor) -> None:
    weight, spoilt = OPAQUE.clone(), target.clone()
    weight[..., :8] = 0
    spoilt[..., :8] = -1
    ends = [list(tune(model, pivot, image, weight, TuningSettings(steps=3)))[-1] for image in (target, spoilt)]
    assert digest_of(ends[0].tuned or {}) == digest_of(ends[1].tuned or {})


def test_it_ends_when_there_is_nothing_to_learn(model: stylegan2.Model, pivot: torch.Tensor) -> None:
    shown = model.generator.synthesis(pivot).clamp(-1, 1)
    assert len(list(tune(model, pivot, shown, OPAQUE, QUICK))) == 2


def test_it_ends_when_nothing_improves(model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor) -> None:
    settings = TuningSettings(steps=100, step_size=1e-9, locality_weight=0)
    assert len(list(tune(model, pivot, target, OPAQUE, settings))) == PATIENCE + 2


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"step_size": 0.0}, {"step_size": float("nan")}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match="tuning"):
        TuningSettings(**wrong)  # type: ignore[arg-type]


def test_only_finite_weights_of_its_own_shapes_fit_a_generator(model: stylegan2.Model, steps: list[TuningStep]) -> None:
    tuned = tuned_of(steps)
    name, tensor = next((name, tensor) for name, tensor in tuned.items() if tensor.ndim > 1)
    assert weights_fit(model.generator, tuned)
    for wrong in ({name: tensor[1:]}, {"synthesis.b7.weight": tensor}, {name: tensor * float("nan")}):
        assert not weights_fit(model.generator, {**tuned, **wrong})


# -- remembered ---------------------------------------------------------------------------------------------------


def once(
    model: stylegan2.Model, pivot: torch.Tensor, image: torch.Tensor, cache: TensorCache, steps: int = 4
) -> list[TuningStep]:
    layer = np.dstack([to_pixels(image), np.full((SIZE, SIZE), 255, np.uint8)])
    return list(tune_once(model, pivot, layer, WHOLE, TuningSettings(steps=steps), cache))


def test_the_same_image_is_tuned_to_only_once(
    model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor, tmp_path: Path
) -> None:
    first = once(model, pivot, target, TensorCache(tmp_path))
    (again,) = once(model, pivot, target, TensorCache(tmp_path))
    assert len(first) == 5
    assert again.psnr == first[-1].psnr
    assert torch.equal(again.image(), first[-1].image())
    assert digest_of(again.tuned or {}) == digest_of(first[-1].tuned or {})


def test_whatever_it_depends_on_makes_another_tuning(
    model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor, tmp_path: Path
) -> None:
    cache = TensorCache(tmp_path)
    once(model, pivot, target, cache)
    other_model = dataclasses.replace(model, sha256="of other weights")
    assert len(once(other_model, pivot, target, cache)) > 1
    assert len(once(model, pivot + 0.01, target, cache)) > 1
    assert len(once(model, pivot, -target, cache)) > 1
    assert len(once(model, pivot, target, cache, steps=3)) > 1


def test_weights_are_found_by_their_hash_and_not_believed_when_they_have_changed(
    model: stylegan2.Model, pivot: torch.Tensor, target: torch.Tensor
) -> None:
    cache = TensorCache()
    sha256 = digest_of(tuned_of(once(model, pivot, target, cache)))
    found = remembered_weights(cache, sha256)
    assert found is not None
    assert digest_of(found) == sha256
    cache.put({name: tensor + 1 for name, tensor in found.items()}, "tuned weights", sha256)
    assert remembered_weights(cache, sha256) is None
    assert len(once(model, pivot, target, cache)) > 1
