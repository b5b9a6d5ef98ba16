"""The real backend with the real engine, which searches for a picture in a fifth of the steps.

    python -m tests.gimp.quick_backend serve

For tests of what an artist does and sees, not of how near the picture is found.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

import stylegan2
from backend import __main__ as backend_main
from backend.editing.preset import Preset, preset_for
from backend.models import models

STEPS = 30


def quick_preset_for(model: stylegan2.Model, published: Mapping[str, Any] | None = None) -> Preset:
    preset = preset_for(model, published)
    return dataclasses.replace(preset, inversion=dataclasses.replace(preset.inversion, steps=STEPS))


if __name__ == "__main__":
    models.preset_for = quick_preset_for
    sys.exit(backend_main.main())
