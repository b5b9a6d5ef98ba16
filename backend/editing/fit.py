"""The fit: how well a model can show a picture, measured by what it reaches on pictures of its own."""

from __future__ import annotations

from typing import Literal

Fit = Literal["good", "fair", "poor"]
IN_WORDS: dict[Fit, str] = {"good": "well", "fair": "fairly", "poor": "only roughly"}
