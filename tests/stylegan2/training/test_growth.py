"""A grown generator goes on where the small one stopped; the moving average follows the weights."""

from __future__ import annotations

import pytest
import torch

from stylegan2.architecture import GeneratorArchitecture, generator_architecture
from stylegan2.training.average import MovingAverage, centre_w
from stylegan2.training.growth import grown, new_generator


def architecture(resolution: int, channels: int) -> GeneratorArchitecture:
    return generator_architecture(
        z_dim=8,
        w_dim=8,
        img_resolution=resolution,
        mapping_layers=2,
        lr_multiplier=1.0,
        channel_base=1024,
        channel_max=channels,
        use_noise=False,
    )


Z = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_wider_layers_make_the_same_images():
    small = new_generator(architecture(16, 8), seed=1)
    large = grown(small, architecture(16, 24), seed=2)
    assert torch.allclose(large(Z), small(Z), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("channels", [8, 24])
def test_a_new_resolution_changes_little_of_the_image_so_far(channels: int):
    small = new_generator(architecture(16, 8), seed=1)
    for block in ("b4", "b8", "b16"):
        small.synthesis.get_parameter(f"{block}.torgb.weight").mul_(10)  # after a training colours are not faint
    large = grown(small, architecture(32, channels), seed=2)
    back = torch.nn.functional.avg_pool2d(large(Z), 2)
    assert (back - small(Z)).std() < 0.25 * small(Z).std()


@torch.no_grad()
def test_the_same_seed_makes_the_same_generator_and_leaves_torch_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = (new_generator(architecture(16, 8), seed=3) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first(Z), second(Z))


@torch.no_grad()
def test_the_moving_average_comes_to_the_weights_that_stay():
    generator = new_generator(architecture(8, 8), seed=1)
    average = MovingAverage(generator, half_life=3)
    generator.synthesis.get_parameter("b4.const").fill_(7.0)
    average.update(generator)
    once = average.network.synthesis.get_parameter("b4.const").mean()
    for _ in range(50):
        average.update(generator)
    assert 0 < once <= 7
    assert torch.allclose(average.network.synthesis.get_parameter("b4.const"), torch.tensor(7.0), atol=1e-3)


def test_the_mean_of_w_is_where_truncation_to_zero_leads():
    generator = new_generator(architecture(8, 8), seed=1)
    centre_w(generator, count=2000)
    ws = generator.mapping(Z, truncation_psi=0.0)
    mean = generator.mapping.transform(torch.randn(4000, 8, generator=torch.Generator().manual_seed(9)), None).mean(0)
    assert torch.allclose(ws[0, 0], mean, atol=0.1)
