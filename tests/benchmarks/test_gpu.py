"""The checks that need a graphics card run through on the processor, of a small network: all but the card is tried."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import stylegan2
from backend.editing import drag_features
from backend.editing.settings import DragSettings
from stylegan2.architecture import generator_architecture
from tests.benchmarks import gpu
from tests.benchmarks.drag_step import Setting

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def setting() -> Setting:
    torch.manual_seed(0)
    architecture = generator_architecture(z_dim=16, w_dim=16, img_resolution=64, channel_base=512, channel_max=16)
    generator = stylegan2.Generator(architecture).eval().requires_grad_(False)
    settings = DragSettings(step_size=0.01, r1=2.0, r2=4.0, feature_block=32)
    return Setting(generator, settings, torch.randn(1, generator.num_ws, 16), np.array([[30.0, 30.0]]), None)


def test_every_row_of_a_network_is_measured(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "parts", lambda generator: {"step on a draft": lambda: generator.synthesis})
    monkeypatch.setattr(drag_features, "WINDOWED", ())
    monkeypatch.setattr(drag_features, "with_cuda_graphs", lambda synthesis, ws: synthesis.maps)
    rows = dict(gpu.network_rows(setting, CPU))
    assert [what.removeprefix("64 x 64: ") for what in rows] == [
        "as on the processor",
        *(f"drag step, {points} points" for points in gpu.POINTS),
        "drag step, 1 point, with a mask",
        "drag step, 1 point, TF32",
        "drag step, 1 point, float16",
        "drag step, 1 point, layouts",
        "drag begun, 1 point",
        "inversion, step on a draft",
    ]
    assert rows["64 x 64: as on the processor"] == "image off by 0.0e+00, points by 0.0e+00 px in 10 steps"
    assert rows["64 x 64: drag step, 1 points"].count(" ms") == 3
    assert rows["64 x 64: drag step, 1 point, layouts"].count(" ms") == 8


def test_arrivals_are_counted_in_each_precision() -> None:
    rows = dict(gpu.arrival_rows(CPU, 1))
    assert list(rows) == ["critters, float32", "critters, TF32", "critters, float16"]
    assert all(re.match(r"[01] of 1 drags arrived", found) for found in rows.values())


def test_where_there_is_no_card_one_sentence_says_so() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "gpu"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.count("\n") == 1
    assert "no CUDA graphics card" in done.stdout
