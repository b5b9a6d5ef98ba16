"""How the networks behave: modulation, stopping at a block, noise, gradients, tuned weights, batches."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stylegan2 import Generator, ModelError
from stylegan2.architecture import generator_architecture
from stylegan2.discriminator import minibatch_stddev
from stylegan2.layers import SynthesisLayer, binomial_filter


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(1)
    architecture = generator_architecture(
        z_dim=16, w_dim=12, img_resolution=32, mapping_layers=2, channel_base=256, channel_max=16
    )
    generator = Generator(architecture).eval().requires_grad_(False)
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.3)
    return generator


def codes(generator: Generator, count: int = 2) -> Tensor:
    return torch.randn(count, generator.num_ws, generator.w_dim, generator=torch.Generator().manual_seed(2))


def modulated_by_the_book(layer: SynthesisLayer, x: Tensor, w: Tensor) -> Tensor:
    """Equations 1 and 3 of the StyleGAN2 paper written out, one image at a time."""
    results = []
    for image, style in zip(x, layer.affine(w), strict=True):
        weight = layer.weight * style[None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        y = image[None]
        if layer.up:
            spread = torch.zeros(1, y.shape[1], 2 * y.shape[2], 2 * y.shape[3])
            spread[:, :, ::2, ::2] = y
            y = F.conv2d(F.pad(spread, (2, 2, 2, 2)), weight.flip((2, 3)))
            taps = (binomial_filter() * 4).expand(y.shape[1], 1, 4, 4)
            y = F.conv2d(y[:, :, :-1, :-1], taps, padding=1, groups=y.shape[1])
        else:
            y = F.conv2d(y, weight, padding=1)
        results.append(y + layer.bias[:, None, None])
    return F.leaky_relu(torch.cat(results), 0.2) * 2**0.5


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [4, 16])
def test_scaling_the_activations_is_the_paper_s_modulation_of_the_weights(up: bool, count: int, size: int):
    torch.manual_seed(3)
    out = 2 * size if up else size
    layer = SynthesisLayer(5, 6, 7, (out, out), up=up, use_noise=False).requires_grad_(False)
    x, w = torch.randn(count, 5, size, size), torch.randn(count, 7)
    expected = modulated_by_the_book(layer, x, w)
    torch.testing.assert_close(layer(x, w), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer(x, w.requires_grad_()).detach(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("up", [False, True])
def test_gradients_to_w_and_to_the_features_are_right(up: bool):
    torch.manual_seed(4)
    size = (6, 6) if up else (3, 3)
    layer = SynthesisLayer(3, 2, 4, size, up=up, conv_clamp=1.5).double().requires_grad_(False)
    x = torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    w = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x, w))


def test_features_stop_at_their_block(generator: Generator):
    def fail(*_: object) -> None:
        raise AssertionError("this was not asked for")

    ws = codes(generator)
    expected = generator.synthesis.features(ws, 16)
    for name, module in generator.synthesis.named_modules():
        if name.endswith("torgb") or name == "b32.conv0":
            module.register_forward_hook(fail)
    torch.testing.assert_close(generator.synthesis.features(ws, 16), expected)


def test_features_read_only_the_w_that_they_depend_on(generator: Generator):
    ws = codes(generator)
    count = generator.synthesis.num_ws_until(16)
    assert [generator.synthesis.num_ws_until(block) for block in (4, 8, 16, 32)] == [1, 3, 5, 7]
    short = generator.synthesis.features(ws[:, :count], 16)
    torch.testing.assert_close(short, generator.synthesis.features(ws, 16))
    changed = ws.clone()
    changed[:, count - 1] += 1
    assert not torch.allclose(generator.synthesis.features(changed, 16), short)


@pytest.mark.parametrize("block", [64, 0, 5])
def test_an_unknown_block_is_refused(generator: Generator, block: int):
    with pytest.raises(ModelError, match="choose one of 4, 8, 16, 32"):
        generator.synthesis.features(codes(generator), block)


def test_constant_noise_repeats_and_random_noise_does_not(generator: Generator):
    ws = codes(generator)
    first, again = generator.synthesis(ws), generator.synthesis(ws)
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    assert not torch.allclose(generator.synthesis(ws, "random"), generator.synthesis(ws, "random"))
    assert not torch.allclose(first, generator.synthesis(ws, "none"))


def test_an_unknown_noise_mode_is_refused(generator: Generator):
    with pytest.raises(ModelError, match="const, none, random"):
        generator.synthesis(codes(generator), "loud")  # pyright: ignore[reportArgumentType]


def test_a_network_without_noise_inputs_has_none_in_any_mode():
    architecture = generator_architecture(
        z_dim=4, w_dim=4, img_resolution=8, channel_base=64, channel_max=8, use_noise=False
    )
    generator = Generator(architecture).requires_grad_(False)
    ws = codes(generator)
    torch.testing.assert_close(generator.synthesis(ws, "random"), generator.synthesis(ws, "none"), atol=0, rtol=0)
    assert not any("noise" in name for name in generator.state_dict())


def test_weights_changed_in_place_are_noticed(generator: Generator):
    ws = codes(generator)
    generator.synthesis(ws)
    with torch.no_grad():
        generator.synthesis.get_parameter("b8.conv1.weight")[0].mul_(3).add_(0.5)
    fresh = Generator(generator.architecture).eval()
    fresh.load_state_dict(generator.state_dict())
    torch.testing.assert_close(generator.synthesis(ws), fresh.synthesis(ws).detach())


def test_weights_can_be_tuned(generator: Generator):
    weight = generator.synthesis.get_parameter("b8.conv1.weight").requires_grad_()
    ws = codes(generator, 1)
    loss = generator.synthesis(ws).square().sum()
    (gradient,) = torch.autograd.grad(loss, weight)
    step = torch.zeros_like(weight)
    step[0, 0, 1, 1] = 1e-2
    with torch.no_grad():
        up = generator.double().synthesis(ws.double()).square().sum()
        weight += step
        ahead = generator.synthesis(ws.double()).square().sum()
        weight -= 2 * step
        behind = generator.synthesis(ws.double()).square().sum()
    torch.testing.assert_close(up.float(), loss.detach())
    slope = (ahead - behind) / 2e-2
    assert float(slope) == pytest.approx(float(gradient[0, 0, 1, 1]), rel=0.02)


def test_a_copy_of_a_generator_is_tuned_without_touching_the_original(generator: Generator):
    ws = codes(generator)
    before = generator.synthesis(ws)
    other = copy.deepcopy(generator)
    with torch.no_grad():
        other.synthesis.get_parameter("b8.conv1.weight").mul_(-1)
    torch.testing.assert_close(generator.synthesis(ws), before, atol=0, rtol=0)
    assert not torch.allclose(other.synthesis(ws), before)


def test_a_preview_in_inference_mode_does_not_spoil_a_later_gradient(generator: Generator):
    ws = codes(generator)
    with torch.inference_mode():
        generator.synthesis(ws)
    ws.requires_grad_()
    generator.synthesis.features(ws, 16).sum().backward()
    assert ws.grad is not None
    assert float(ws.grad[:, :5].abs().min()) > 0
    assert float(ws.grad[:, 5:].abs().max()) == 0


def test_truncation_zero_is_the_mean_of_w(generator: Generator):
    generator.mapping.w_avg.fill_(0.25)
    ws = generator.mapping(torch.randn(3, 16), truncation_psi=0)
    assert ws.shape == (3, generator.num_ws, 12)
    assert torch.all(ws == 0.25)


def test_minibatch_deviation_is_zero_for_equal_images_and_large_for_unequal_ones():
    same = torch.ones(4, 6, 4, 4)
    assert float(minibatch_stddev(same, 4, 1)[:, -1].max()) == pytest.approx(1e-4)
    mixed = torch.arange(4.0)[:, None, None, None].expand(4, 6, 4, 4)
    torch.testing.assert_close(minibatch_stddev(mixed, 4, 2)[:, 6:], torch.full((4, 2, 4, 4), 1.25**0.5))
    in_pairs = minibatch_stddev(mixed, 2, 1)[:, 6, 0, 0]  # images 0 and 2 are one group, 1 and 3 the other
    torch.testing.assert_close(in_pairs, torch.ones(4))


def test_minibatch_deviation_takes_any_batch_size():
    assert minibatch_stddev(torch.randn(5, 6, 4, 4), 4, 1).shape == (5, 7, 4, 4)
