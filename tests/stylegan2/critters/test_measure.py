"""The embedded model shows what it was trained for, and the command line of the animals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan2 import load, samples
from stylegan2.critters import WEIGHTS
from stylegan2.critters.__main__ import main
from stylegan2.critters.making import factors, measure, renderer


def test_the_model_shows_the_animals_its_latents_stand_for():
    found = measure.paired_quality(load(WEIGHTS).generator, seed=77, count=24)
    assert found.psnr.shape == (24,)
    assert found.psnr.mean() > 26  # the model card says 26.8
    assert found.psnr.min() > 21
    assert 0.6 < found.sharpness < 1


def test_other_animals_are_nothing_like_it():
    """What the number means: the image of another latent is 10 dB worse."""
    generator = load(WEIGHTS).generator
    z = measure.latents(77, 8, generator.z_dim)
    made = samples.to_bytes(generator.synthesis(generator.mapping(z))).float()
    others = renderer.render(factors.from_latent(z.roll(1, 0)), 256).float()
    error = (made - others).square().mean((1, 2, 3))
    assert (10 * (255**2 / error).log10()).mean() < 17


def test_images_are_tiled_row_by_row_and_the_rest_is_white():
    images = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    grid = samples.tiled(images, columns=2)
    assert grid.shape == (3, 4, 4)
    assert grid[0, ::2, ::2].tolist() == [[0, 1], [2, 255]]


def test_grid_writes_the_samples_of_both_truncations(tmp_path: Path):
    output = tmp_path / "grid.png"
    assert main(["grid", "--count", "3", "--columns", "3", "--seed", "4", "-o", str(output)]) == 0
    with Image.open(output) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (512, 768, 3)
    assert np.abs(pixels[:256] - pixels[256:]).mean() > 2


def test_render_writes_the_animal_with_the_factors_that_are_set(tmp_path: Path):
    output = tmp_path / "animal.png"
    setting = ["--seed", "3", "--height", "24", "--width", "30", "--set", "yaw=0.9"]
    assert main(["render", *setting, "-o", str(output)]) == 0
    meant = renderer.render(factors.changed(factors.random(3, 1, 0.7), "yaw", 0.9), 24, 30)[0]
    with Image.open(output) as image:
        assert np.array_equal(np.asarray(image), meant.permute(1, 2, 0).numpy())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["render", "--set", "tail=1"], "There is no factor 'tail'"),
        (["render", "--set", "yaw=2"], "The factor yaw can be 0 to 1, not 2."),
        (["render", "--set", "yaw=nan"], "The factor yaw can be 0 to 1, not nan."),
        (["render", "--set", "yaw"], "--set wants a factor and a number, as in yaw=0.8, not 'yaw'."),
        (["render", "--psi", "nan"], "--psi can be 0 to 2, not nan."),
        (["render", "--height", "0"], "A picture has at least 1 x 1 pixels"),
        (["grid", "--count", "0"], "--count has to be at least 1, not 0."),
        (["grid", "--columns", "-1"], "--columns has to be at least 1, not -1."),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
):
    output = tmp_path / "picture.png"
    assert main([*words, "-o", str(output)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(sentence)
    assert complaint.count("\n") == 1
    assert not output.exists()


def test_an_output_that_cannot_be_is_refused_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    small = ["render", "--height", "8", "--width", "8", "-o"]
    assert main([*small, str(tmp_path / "missing" / "picture.png")]) == 2
    assert "picture.png cannot be written" in capsys.readouterr().err
    assert main([*small, str(tmp_path / "picture.gif2")]) == 2
    assert "name that ends in .png" in capsys.readouterr().err
