"""The embedded model's latent transformer: it moves the subject where it is asked to, coarsely."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import UserError
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making.landmarks import landmark
from stylegan2.samples import latents, to_bytes
from tests.benchmarks.detector import load_detector
from tests.benchmarks.latent_transformer.one_pass import in_one_pass
from tests.benchmarks.scenes import PSI

CHECKPOINTS = Path(__file__).parents[2] / "data" / "checkpoints"
FIVE = [landmark(name) for name in ("nose", "right eye", "left eye", "right mouth corner", "left mouth corner")]
SAMPLES = 4


@pytest.mark.parametrize("handles", [FIVE[:1], FIVE], ids=["the nose", "five landmarks"])
@pytest.mark.parametrize("way", [(20.0, 0.0), (0.0, 20.0)])
@torch.no_grad()
def test_what_is_dragged_goes_there(handles: list[int], way: tuple[float, float]) -> None:
    loaded, find = open_model(EMBEDDED), load_detector().find
    generator, asked = loaded.model.generator, np.array(way, np.float32)
    w_plus = generator.mapping(latents(21000, SAMPLES, generator.z_dim), truncation_psi=PSI)
    before, _ = find(to_bytes(generator.synthesis(w_plus)))
    points = before[:, handles].numpy()
    ends = [in_one_pass(loaded, w[None], at, at + asked) for w, at in zip(w_plus, points, strict=True)]
    after, _ = find(to_bytes(generator.synthesis(torch.cat(ends))))
    went = ((after - before)[:, handles].numpy() @ asked / 20).mean()
    assert 8 < went < 32


def test_what_is_dragged_to_where_it_is_stays() -> None:
    loaded = open_model(EMBEDDED)
    w_plus = loaded.model.generator.mapping(latents(1, 1, loaded.model.generator.z_dim))
    handles = np.array([[100.0, 120.0], [140.0, 90.0]])
    assert torch.allclose(in_one_pass(loaded, w_plus, handles, handles), w_plus, atol=1e-5)


def test_a_model_without_one_says_how_to_train_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path))
    loaded = open_model(CHECKPOINTS / "official_square.pkl")
    w_plus, point = loaded.model.generator.mapping(torch.ones(1, loaded.model.generator.z_dim)), np.ones((1, 2))
    with pytest.raises(UserError, match=r"train it with `.* latent-transformer --model official_square`\."):
        in_one_pass(loaded, w_plus, point, point)
