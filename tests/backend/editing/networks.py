"""A small random network, and drags of it that are done fast and plainly."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

import stylegan2
from backend.editing.drag_loop import DragLoop
from backend.editing.settings import DragSettings
from stylegan2.architecture import generator_architecture
from tests.plain_drag import PlainDragLoop

SETTINGS = DragSettings(step_size=0.02, r1=3.0, r2=8.0, feature_block=64, max_steps=25, stop_radius=0.5)
ONE = np.array([[70.0, 60.0]]), [np.array([[84.0, 70.0]])]


def network(variant: Any = "skip", width: int = 128, clamp: float | None = None) -> stylegan2.Generator:
    """A small random network for images 128 pixels high, with noise."""
    plain = generator_architecture(
        z_dim=8, w_dim=8, img_resolution=128, mapping_layers=1, channel_base=512, channel_max=12, variant=variant,
        conv_clamp=clamp,
    )  # fmt: skip
    torch.manual_seed(5)
    generator = stylegan2.Generator(dataclasses.replace(plain, const_size=(4, 4 * width // 128)))
    for name, parameter in generator.requires_grad_(False).named_parameters():
        if name.endswith(("noise_strength", "conv0.bias", "conv1.bias")):
            parameter.normal_(std=0.2)
    return generator.eval()


def scattered(count: int, border: float = 20.0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Handles and goals anywhere on the image, `border` pixels away from its sides."""
    numbers = np.random.default_rng(3)
    handles = numbers.uniform(border, 128 - border, (count, 2))
    return handles, list((handles + numbers.uniform(-12, 12, (count, 2)))[:, None])


def loops(generator: stylegan2.Generator, drag: Any, mask: torch.Tensor | None = None, **changes: Any) -> Any:
    """The fast loop and the plain one, in the precision of the generator."""
    dtype = next(generator.parameters()).dtype
    settings = dataclasses.replace(SETTINGS, **changes)
    w_plus = torch.randn(1, generator.num_ws, 8, generator=torch.Generator().manual_seed(1)).to(dtype)
    mask = None if mask is None else mask.to(dtype)
    handles, goals = drag
    return tuple(kind(generator, w_plus, handles, goals, mask, settings) for kind in (DragLoop, PlainDragLoop))


def agree(generator: stylegan2.Generator, drag: Any, mask: torch.Tensor | None = None, **changes: Any) -> DragLoop:
    """Drag both ways in float64 and compare every step; returns the fast loop."""
    fast, plain = loops(generator.double(), drag, mask, **changes)
    pairs = list(zip(fast, plain, strict=True))
    for ours, reference in pairs:
        assert np.abs(ours.points - reference.points).max() < 1e-6
        assert (ours.w_plus - reference.w_plus).abs().max() < 1e-6
        assert (ours.arrived == reference.arrived).all()
    assert len(pairs) > 10
    assert (pairs[-1][0].w_plus - fast.code.start).abs().max() > 0.02, "it moved"
    return fast


def in_windows(loop: DragLoop) -> bool:
    """Whether the last step was computed in windows."""
    planned = loop.features._planned
    return planned is not None and planned[1] is not None
