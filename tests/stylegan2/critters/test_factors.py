"""Factors: their names, and animals from seeds and latents."""

from __future__ import annotations

import pytest
import torch

from stylegan2.critters.making import factors


def test_every_factor_has_a_name_and_a_meaning():
    assert factors.COUNT == 36
    assert len(set(factors.NAMES)) == 36
    assert all(factors.MEANINGS[name] for name in factors.NAMES)
    assert [factors.index(name) for name in ("yaw", "ear length", "mouth open", "nose size")] == [
        0,
        6,
        19,
        34,
    ]


def test_an_unknown_factor_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match=r"no factor 'tail'.*yaw"):
        factors.index("tail")


def test_a_seed_gives_the_same_animals_again_and_another_seed_others():
    assert torch.equal(factors.random(7, 3), factors.random(7, 3))
    assert not torch.equal(factors.random(7, 3), factors.random(8, 3))


def test_random_factors_are_uniform_and_a_small_psi_pulls_them_to_the_middle():
    plain, middling = factors.random(1, 2000), factors.random(1, 2000, psi=0.5)
    assert plain.min() >= 0
    assert plain.max() <= 1
    assert (plain < 0.25).float().mean() == pytest.approx(0.25, abs=0.01)
    assert (middling < 0.25).float().mean() == pytest.approx(0.089, abs=0.01)  # P(normal < -1.349)


def test_factors_of_a_latent_do_not_depend_on_its_length():
    z = torch.randn(4, 128, generator=torch.Generator().manual_seed(0))
    assert factors.from_latent(z).shape == (4, 36)
    assert torch.allclose(factors.from_latent(z), factors.from_latent(3 * z), atol=1e-6)


def test_a_latent_of_zeros_but_one_coordinate_moves_only_that_factor():
    z = torch.zeros(1, 128)
    z[0, 6] = 1.0
    shown = factors.from_latent(z)[0]
    assert shown[6] > 0.99
    assert torch.equal(shown[:6], torch.full((6,), 0.5))


def test_changing_a_factor_leaves_the_original_alone():
    one = factors.random(2, 2)
    kept = one.clone()
    other = factors.changed(one, "yaw", 0.9)
    assert torch.equal(one, kept)
    assert other[:, 0].tolist() == pytest.approx([0.9, 0.9])
    assert torch.equal(other[:, 1:], one[:, 1:])
