"""Our networks compute what the original implementations computed for the reference files, within 1e-4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegan2 import Model, load, save
from stylegan2.layers import NoiseMode

CHECKPOINTS = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
FILES = (
    *("official_square.pkl", "official_fp16_clamp.pkl", "official_conditional.pkl", "official_nonsquare.pkl"),
    *("legacy_tf.pkl", "rosinality.pt"),
)
TOLERANCE = 1e-4


class Reference:
    """A model file, and what the original code computed with it."""

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        with np.load((CHECKPOINTS / name).with_suffix(".npz")) as arrays:
            self.arrays = {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    def __getitem__(self, key: str) -> Tensor:
        """An array; each code of W is one of W+ here."""
        array = self.arrays[key]
        ws = array.ndim == 2 and key.startswith("w_psi")
        return array[:, None].expand(-1, self.model.generator.num_ws, -1) if ws else array

    @property
    def c(self) -> Tensor | None:
        return self["c"] if self.model.generator.c_dim else None


def reference_of(name: str) -> Reference:
    return Reference(load(CHECKPOINTS / name), name)


@pytest.fixture(
    scope="module", params=[(name, kind) for name in FILES for kind in ("original", "converted")], ids="-".join
)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Each file as it is, and written and read again as ours."""
    name, kind = request.param
    if kind == "original":
        return reference_of(name)
    path = tmp_path_factory.mktemp("converted") / "model.safetensors"
    save(load(CHECKPOINTS / name), path)
    return Reference(load(path), name)


def difference(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a.detach() - b).abs().max())


@pytest.mark.parametrize(("psi", "key"), [(1.0, "w_psi1"), (0.7, "w_psi07")])
def test_the_mapping_agrees(reference: Reference, psi: float, key: str):
    ws = reference.model.generator.mapping(reference["z"], reference.c, truncation_psi=psi)
    assert difference(ws, reference[key]) < TOLERANCE


def test_truncation_can_be_cut_off_after_some_layers(reference: Reference):
    ws = reference.model.generator.mapping(reference["z"], reference.c, truncation_psi=0.7, truncation_cutoff=3)
    assert difference(ws[:, :3], reference["w_psi07"][:, :3]) < TOLERANCE
    assert difference(ws[:, 3:], reference["w_psi1"][:, 3:]) < TOLERANCE


@pytest.mark.parametrize("noise_mode", ["const", "none"])
def test_the_images_agree_as_a_batch_one_by_one_and_with_gradients(reference: Reference, noise_mode: NoiseMode):
    synthesis, ws = reference.model.generator.synthesis, reference["w_plus"]
    if f"image_noise_{noise_mode}" not in reference.arrays:  # rosinality's program always adds its noise
        assert "image_noise_const" in reference.arrays
        return
    expected = reference[f"image_noise_{noise_mode}"]
    one_by_one = torch.cat([synthesis(w[None], noise_mode) for w in ws])
    assert difference(synthesis(ws, noise_mode), expected) < TOLERANCE
    assert difference(one_by_one, expected) < TOLERANCE
    assert difference(synthesis(ws[:1].clone().requires_grad_(), noise_mode), expected[:1]) < TOLERANCE


def test_the_images_leave_the_network_unclamped(reference: Reference):
    assert float(reference.model.generator.synthesis(reference["w_plus"]).abs().max()) > 1.5


@pytest.mark.parametrize("block", [4, 8, 16, 32])
def test_the_features_of_every_block_agree(reference: Reference, block: int):
    generator = reference.model.generator
    if f"features_b{block}" not in reference.arrays:  # rosinality's program gives none
        assert not any(key.startswith("features") for key in reference.arrays)
        return
    expected = reference[f"features_b{block}"]
    assert difference(generator.synthesis.features(reference["w_plus"][:1], block), expected) < TOLERANCE


def test_the_logits_agree(reference: Reference):
    discriminator = reference.model.discriminator
    if "logits" not in reference.arrays:  # StyleGAN-Human: the file's discriminator judges square images
        assert discriminator is None
        return
    assert discriminator is not None
    key = "image_noise_none" if "image_noise_none" in reference.arrays else "image_noise_const"
    logits = discriminator(reference[key], reference.c)
    assert difference(logits, reference["logits"]) < TOLERANCE


def test_a_generator_says_how_large_it_is():
    generator = reference_of("official_nonsquare.pkl").model.generator
    assert generator.image_size == (32, 16)
    assert (generator.img_resolution, generator.num_ws, generator.z_dim, generator.w_dim) == (32, 8, 64, 48)
    assert generator.block_resolutions == [4, 8, 16, 32]


def test_clamping_is_taken_from_each_module_of_the_file():
    model = reference_of("official_fp16_clamp.pkl").model
    blocks = model.generator.architecture.blocks
    assert {clamp for block in blocks for clamp in block.conv_clamp} == {0.9}
    assert model.generator.architecture.num_fp16_res == 3
    assert model.discriminator is not None
    first = model.discriminator.architecture.blocks[0]
    assert first.conv_clamp == (0.9, 0.9, None, 0.9)  # the shortcut is never clamped


def test_a_model_with_classes_wants_a_label():
    reference = reference_of("official_conditional.pkl")
    with pytest.raises(ValueError, match="3 classes"):
        reference.model.generator.mapping(reference["z"])


def test_loaded_weights_are_frozen_float32_in_eval_mode(reference: Reference):
    for network in filter(None, (reference.model.generator, reference.model.discriminator)):
        assert not network.training
        assert all(p.dtype == torch.float32 and not p.requires_grad for p in network.parameters())
