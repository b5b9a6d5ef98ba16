"""The embedded model, of toy animal heads: weights, encoder and card. making/ holds what they were made with."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights.safetensors")
MAKES = "toy animals"
ENCODER = Path(__file__).with_name("encoder.safetensors")
