"""The fit: a model is told from the wrong one by what it reaches on its own samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.fit import SAMPLES, Judge, reference_key, worse
from backend.editing.pixels import to_model
from backend.editing.preset import LoadedModel
from backend.editing.region import Region
from backend.editing.settings import InversionSettings
from backend.editing.tensor_cache import TensorCache, Tensors
from backend.errors import UserError
from stylegan2.encoder import Encoder
from stylegan2.latent_space import LatentSpace

OPAQUE = torch.ones(1, 1, 256, 256)
GREY = torch.zeros(1, 3, 256, 256)
NOISE = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
WHOLE = Region(0, 0, 256, 256, (256, 256))


class Knowing(Encoder):
    """An encoder that knows all answers: it returns one code after the other, whatever it sees."""

    def __init__(self, loaded: LoadedModel, *codes: torch.Tensor) -> None:
        super().__init__(Encoder.for_generator(loaded.model.generator).architecture)
        self.codes = iter(codes)

    def encode(self, *_: object, **__: object) -> torch.Tensor:
        return next(self.codes)


def answers(loaded: LoadedModel) -> Iterator[torch.Tensor]:
    """The codes of the samples that a model is measured by, each layer a third of a deviation beside the right one."""
    space, rng = LatentSpace(loaded.model.generator), torch.Generator().manual_seed(0)
    for w in space.samples[-SAMPLES:].split(1):
        w_plus = w[:, None].repeat(1, loaded.model.generator.num_ws, 1)
        yield w_plus + 0.3 * torch.randn(w_plus.shape, generator=rng) * space.deviation @ space.axes.T


@pytest.fixture(scope="module")
def parts(critters: LoadedModel) -> Tensors:
    """What the embedded model reaches on its own samples with such an encoder."""
    cache, encoder = TensorCache(), Knowing(critters, *answers(critters))
    Judge(critters.model, encoder, cache).fit(critters.model.generator.mapping.w_avg.repeat(1, 14, 1), GREY, OPAQUE)
    known = cache.get(*reference_key(critters.model, encoder))
    assert known is not None
    return known


@pytest.fixture
def judge_of(critters: LoadedModel, parts: Tensors) -> Callable[..., Judge]:
    """Makes a judge of the embedded model, or of another one that reaches the same."""

    def make(columns: slice = slice(None), **changes: Any) -> Judge:
        model, encoder, cache = dataclasses.replace(critters.model, **changes), Knowing(critters), TensorCache()
        cache.put({"parts": parts["parts"][:, columns]}, *reference_key(model, encoder))
        return Judge(model, encoder, cache)

    return make


@pytest.fixture
def judge(judge_of: Callable[..., Judge]) -> Judge:
    return judge_of()


@pytest.fixture(scope="module")
def image(critters: LoadedModel, w_plus: torch.Tensor) -> torch.Tensor:
    """The animal of w_plus, a little darker and noisier."""
    image = critters.model.generator.synthesis(w_plus, noise_mode="const")
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    return (0.95 * image - 0.02 + 0.02 * noise).clamp(-1, 1)


def test_a_picture_of_the_models_own_fits_well(judge: Judge, image: torch.Tensor, w_plus: torch.Tensor) -> None:
    assert judge.fit(w_plus, image, OPAQUE) == "good"


@pytest.mark.parametrize("target", [GREY, NOISE], ids=["plain grey", "noise"])
def test_what_is_no_picture_of_it_does_not(judge: Judge, target: torch.Tensor, w_plus: torch.Tensor) -> None:
    assert judge.fit(w_plus, target, OPAQUE) == "poor"


def test_neither_does_another_animal(judge: Judge, critters: LoadedModel, image: torch.Tensor) -> None:
    generator = critters.model.generator
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(12))
    assert judge.fit(generator.mapping(z), image, OPAQUE) == "poor"


def test_transparent_parts_say_nothing(judge: Judge, image: torch.Tensor, w_plus: torch.Tensor) -> None:
    weight, spoilt = OPAQUE.clone(), image.clone()
    weight[..., :100] = 0
    spoilt[..., :100] = NOISE[..., :100]
    assert judge.deviations(w_plus, spoilt, weight) == judge.deviations(w_plus, image, weight)
    assert judge.fit(w_plus, spoilt, weight) == "good"
    assert judge.fit(w_plus, spoilt, OPAQUE) != "good"


def test_a_model_without_a_discriminator_is_judged_by_its_pixels(
    judge_of: Callable[..., Judge], image: torch.Tensor, w_plus: torch.Tensor
) -> None:
    bare = judge_of(slice(4), discriminator=None)
    assert bare.fit(w_plus, image, OPAQUE) == "good"
    assert bare.fit(w_plus, NOISE, OPAQUE) == "poor"


def test_what_a_model_reaches_is_remembered_for_its_encoder(critters: LoadedModel, parts: Tensors) -> None:
    assert parts["parts"].shape == (SAMPLES, 8)  # four bands of pixels, four blocks of the discriminator
    encoders = [Encoder.for_generator(critters.model.generator) for _ in range(2)]
    torch.nn.init.ones_(encoders[1].correction.weight)
    first, further = (reference_key(critters.model, encoder) for encoder in encoders)
    assert first != further


def test_the_worse_of_two() -> None:
    assert worse("good", "fair") == worse("fair", "good") == "fair"
    assert worse("poor", "good") == "poor"


@pytest.fixture
def layer(image: torch.Tensor) -> np.ndarray:
    colours = ((image[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.dstack([colours, np.full((256, 256), 255, np.uint8)])


@pytest.mark.parametrize(("known", "fit"), [(True, "good"), (False, "poor")])
def test_an_inversion_cannot_make_up_for_a_poor_guess(
    critters: LoadedModel, parts: Tensors, layer: np.ndarray, w_plus: torch.Tensor, known: bool, fit: str
) -> None:
    """An inversion comes near to everything; where the encoder makes nothing of it, it is the wrong model."""
    encoder, cache = Knowing(critters, w_plus if known else w_plus.roll(1, dims=2)), TensorCache()
    cache.put(parts, *reference_key(critters.model, encoder))
    editor = Editor(dataclasses.replace(critters, encoder=encoder), cache=cache)
    guess = editor.guess(layer, WHOLE)
    assert guess is not None
    assert guess.fit == fit
    assert guess.preview().shape == layer[..., :3].shape
    judge = editor._judge
    assert judge is not None
    target, weight = to_model(layer, torch.device("cpu"))
    assert judge.fit(w_plus, target, weight) == "good"
    assert editor._fit(w_plus, layer, WHOLE) == fit


def test_without_an_encoder_nobody_can_tell(
    critters: LoadedModel, new_cache: Callable[[], TensorCache], layer: np.ndarray
) -> None:
    bare = dataclasses.replace(critters, encoder=None)
    editor = Editor(bare, cache=new_cache())
    assert editor.guess(layer, WHOLE) is None
    editor.open(layer, WHOLE, InversionSettings(steps=0))
    assert editor.fit is editor.result().report["fit"] is None
    with pytest.raises(UserError, match="is not known, so nothing was dragged; prepare the model first"):
        bare.require_fit(editor.fit, "picture")


def test_an_edit_keeps_its_fit(critters: LoadedModel, tmp_path: Path) -> None:
    editor = Editor(critters)
    layer = np.dstack([editor.sample(5), np.full((256, 256), 255, np.uint8)])
    result = editor.result()
    assert result.report["fit"] == editor.fit == "good"
    poor = dataclasses.replace(result.state, fit="poor")
    poor.save(tmp_path / "edit.safetensors")
    editor.open_state(EditState.load(tmp_path / "edit.safetensors"), layer)
    assert editor.fit == "poor"
