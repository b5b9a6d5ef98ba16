"""The embedded model: toy animal heads, the renderer they come from, and weights trained on it."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).with_name("weights.safetensors")
