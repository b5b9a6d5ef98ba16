"""The training of an encoder: it learns to encode, from samples alone, and can be gone on with."""

from __future__ import annotations

import pytest
import torch

from stylegan2 import Generator
from stylegan2.architecture import generator_architecture
from stylegan2.training import augmentation
from stylegan2.training.encoder import EncoderTraining, pyramid_loss, random_codes


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(1)
    architecture = generator_architecture(
        z_dim=16, w_dim=8, img_resolution=16, mapping_layers=2, channel_base=256, channel_max=16, use_noise=False
    )
    return Generator(architecture).eval().requires_grad_(False)


def error(generator: Generator, training: EncoderTraining) -> float:
    """Mean squared error of the images of encoded samples that the training never saw, in shares of their variance."""
    z = torch.randn(64, generator.z_dim, generator=torch.Generator().manual_seed(77))
    image = generator.synthesis(generator.mapping(z)).clamp(-1, 1)
    found = training.average.encode(generator, image, torch.ones(64, 1, 16, 16))
    return float((generator.synthesis(found) - image).square().mean() / (image - image.mean(0)).square().mean())


def test_it_learns_to_encode_and_goes_on_from_where_it_was(generator: Generator) -> None:
    training = EncoderTraining(generator)
    before = error(generator, training)
    losses = [training.step() for _ in range(150)]
    after = error(generator, training)
    assert after < 0.7 * before
    assert losses[-1].keys() == {"image", "code", "place"}
    resumed = EncoderTraining(generator, training.average, training.steps)
    assert error(generator, resumed) == pytest.approx(after)
    resumed.step()
    assert resumed.steps == 151


def test_the_same_seed_sees_the_same_samples(generator: Generator) -> None:
    first, second, other = (EncoderTraining(generator, seed=seed).step()["image"] for seed in (3, 3, 4))
    assert first == second != other


def test_the_generator_is_left_alone(generator: Generator) -> None:
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    EncoderTraining(generator).step()
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
    assert not any(parameter.requires_grad for parameter in generator.parameters())


def test_codes_differ_between_their_layers(generator: Generator) -> None:
    w_plus = random_codes(generator, 32, torch.Generator().manual_seed(1))
    assert w_plus.shape == (32, generator.num_ws, generator.w_dim)
    assert bool(((w_plus - w_plus[:, :1]).abs().amax(dim=(1, 2)) > 0).all())


def test_a_model_with_classes_is_sampled_from_all_of_them() -> None:
    torch.manual_seed(2)
    generator = Generator(generator_architecture(z_dim=16, c_dim=4, w_dim=8, img_resolution=8, channel_base=64))
    assert random_codes(generator, 6, torch.Generator().manual_seed(1)).shape == (6, generator.num_ws, 8)


def test_the_loss_leaves_out_what_is_transparent() -> None:
    draft, sample, opaque = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    sample[..., :16], opaque[..., :16] = 1, 0
    assert float(pyramid_loss(draft, sample, opaque)) == 0
    assert float(pyramid_loss(draft, sample, torch.ones_like(opaque))) > 0.5


def test_a_coarse_difference_costs_more_than_a_fine_one() -> None:
    checks = torch.ones(1, 3, 16, 16)
    checks[..., ::2] = -1
    flat, opaque = torch.ones(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    zero = torch.zeros_like(flat)
    assert float(pyramid_loss(zero, flat, opaque)) > 3 * float(pyramid_loss(zero, checks, opaque))


def test_a_moved_image_is_the_same_image_a_little_beside() -> None:
    x = torch.linspace(-1, 1, 64)
    images = torch.stack([x.expand(64, 64), x[:, None].expand(64, 64), torch.zeros(64, 64)]).expand(40, 3, 64, 64)
    change = (augmentation.moved(images, torch.Generator().manual_seed(1)) - images).abs().amax(dim=(1, 2, 3))
    assert 10 < int((change == 0).sum()) < 30, "about half of them stay as they are"
    assert float(change.max()) < 0.4


def test_a_degraded_image_can_still_be_told() -> None:
    rng = torch.Generator().manual_seed(1)
    images = (torch.rand(64, 3, 8, 8, generator=rng) * 2 - 1).repeat_interleave(4, 2).repeat_interleave(4, 3)
    changed = augmentation.degraded(images.clone(), rng)
    alike = torch.nn.functional.cosine_similarity(changed.flatten(1), images.flatten(1))
    assert float(changed.abs().max()) <= 1
    assert float(alike.min()) > 0.7
    assert int(((changed - images).abs().amax(dim=(1, 2, 3)) > 0.01).sum()) > 20


def test_a_relit_image_has_other_colours_everywhere() -> None:
    images = torch.zeros(16, 3, 8, 8)
    changed = augmentation.relit(images, torch.Generator().manual_seed(1))
    assert bool((changed.abs().amin(dim=(1, 2, 3)) > 0).all())
    assert bool((changed.std(dim=(2, 3)) < 1e-6).all()), "none but a colour is added to a plain one"
    assert float(changed.abs().max()) < 0.4


def test_a_few_images_are_transparent_on_one_side() -> None:
    opaque = augmentation.opacity(torch.zeros(200, 3, 16, 16), torch.Generator().manual_seed(1))
    assert set(opaque.unique().tolist()) == {0.0, 1.0}
    cut = (opaque.amin(dim=(1, 2, 3)) == 0).float().mean()
    assert 0.02 < float(cut) < 0.2
