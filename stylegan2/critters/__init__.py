"""The embedded model, of toy animal heads: its weights, its other networks, its card. making/ made them."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights.safetensors")
MAKES = "toy animals"
ENCODER = Path(__file__).with_name("encoder.safetensors")
LATENT_TRANSFORMER = Path(__file__).with_name("latent_transformer.safetensors")
