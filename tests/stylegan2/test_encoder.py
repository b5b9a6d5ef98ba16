"""The encoder: its shapes, its coordinates, its passes, its file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from stylegan2 import Generator, ModelError
from stylegan2.architecture import generator_architecture
from stylegan2.encoder import Encoder, EncoderArchitecture
from stylegan2.encoder_file import SavedEncoder, load_encoder


def new_generator(img_resolution: int = 32, w_dim: int = 12, seed: int = 1) -> Generator:
    torch.manual_seed(seed)
    architecture = generator_architecture(
        z_dim=16, w_dim=w_dim, img_resolution=img_resolution, mapping_layers=2, channel_base=256, channel_max=16
    )
    return Generator(architecture).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return new_generator()


@pytest.fixture
def encoder(generator: Generator) -> Encoder:
    """One that is not trained, and predicts something all the same."""
    encoder = Encoder.for_generator(generator).eval().requires_grad_(False)
    torch.nn.init.normal_(encoder.correction.weight, std=0.1)
    return encoder


def images(generator: Generator, count: int = 2) -> torch.Tensor:
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(5))
    return generator.synthesis(generator.mapping(z)).clamp(-1, 1)


@pytest.mark.parametrize("img_resolution", [8, 16, 64, 256])
def test_there_is_an_encoder_for_every_size(img_resolution: int) -> None:
    generator = new_generator(img_resolution)
    size = (img_resolution, img_resolution)
    found = Encoder.for_generator(generator).encode(generator, torch.zeros(1, 3, *size), torch.ones(1, 1, *size))
    assert found.shape == (1, generator.num_ws, generator.w_dim)


def test_an_upright_format_is_seen_upright() -> None:
    generator = new_generator()
    generator.architecture = dataclasses.replace(generator.architecture, const_size=(64, 32))
    assert EncoderArchitecture.for_generator(generator).input_size == (128, 64)


def test_a_new_encoder_predicts_the_mean_of_w(generator: Generator) -> None:
    encoder = Encoder.for_generator(generator)
    found = encoder.encode(generator, images(generator), torch.ones(2, 1, 32, 32))
    assert torch.allclose(found, encoder.mean.expand_as(found))


def test_whitened_codes_have_a_deviation_of_one_and_lead_back(generator: Generator, encoder: Encoder) -> None:
    z = torch.randn(2000, generator.z_dim, generator=torch.Generator().manual_seed(6))
    w_plus = generator.mapping(z)
    whitened = encoder.to_whitened(w_plus)
    assert torch.allclose(whitened.mean(0), torch.zeros(()), atol=0.15)
    assert 0.85 < float(whitened.std()) < 1.15
    assert torch.allclose(encoder.to_w_plus(whitened), w_plus, atol=1e-4)


def test_each_pass_sees_what_the_one_before_gave(generator: Generator, encoder: Encoder) -> None:
    image, weight = images(generator), torch.ones(2, 1, 32, 32)
    passes = [encoder.encode(generator, image, weight, passes) for passes in range(3)]
    assert torch.allclose(passes[0], encoder.mean.expand_as(passes[0]))
    first, second = passes[1] - passes[0], passes[2] - passes[1]
    assert not torch.allclose(first, second, atol=1e-3)


def test_what_is_transparent_is_not_looked_at(generator: Generator, encoder: Encoder) -> None:
    image, weight = images(generator), torch.ones(2, 1, 32, 32)
    weight[..., :16] = 0
    spoilt = image.clone()
    spoilt[..., :16] = 1 - 2 * torch.rand(2, 3, 32, 16)
    assert torch.equal(encoder.encode(generator, image, weight), encoder.encode(generator, spoilt, weight))
    assert not torch.equal(
        encoder.encode(generator, image, torch.ones_like(weight)), encoder.encode(generator, image, weight)
    )


def test_a_saved_encoder_does_the_same(generator: Generator, encoder: Encoder, tmp_path: Path) -> None:
    file = tmp_path / "encoder.safetensors"
    SavedEncoder(encoder, "0" * 64, 7).save(file)
    saved = load_encoder(file, generator)
    assert (saved.model_sha256, saved.steps) == ("0" * 64, 7)
    image, weight = images(generator), torch.ones(2, 1, 32, 32)
    before, after = (one.encode(generator, image, weight) for one in (encoder, saved.encoder))
    assert torch.allclose(before, after, atol=0.02), "16-bit floats are near enough"
    assert not any(parameter.requires_grad for parameter in saved.encoder.parameters())
    assert sorted(tmp_path.iterdir()) == [file]


def test_an_encoder_of_another_model_is_refused(encoder: Encoder, tmp_path: Path) -> None:
    file = tmp_path / "encoder.safetensors"
    SavedEncoder(encoder, "", 0).save(file)
    with pytest.raises(ModelError, match=r"belongs to another model; prepare the model again\."):
        load_encoder(file, new_generator(w_dim=16))


@pytest.mark.parametrize("content", [b"", b"no encoder at all", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_file_that_is_none_is_refused(generator: Generator, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "encoder.safetensors"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"prepare the model again\."):
        load_encoder(file, generator)
