"""The embedded model: toy animal heads, the renderer they come from, and the weights that were trained on it."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights.safetensors")
