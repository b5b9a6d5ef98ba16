"""The real backend with the real engine, which searches for a picture in a third of the steps.

    python -m tests.gimp.quick_backend serve

For tests of what an artist does and sees, not of how near the picture is found. A drag takes its time at each step:
one of the embedded model would be over before a button can be pressed.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import stylegan2
from backend import __main__ as backend_main
from backend.editing.editor import Editor
from backend.editing.live_drag import Steering
from backend.editing.preset import Preset, preset_for
from backend.editing.settings import DragSettings
from backend.editing.steps import DragStep
from backend.models import models
from backend.server import jobs

STEPS = 30
STEP_SECONDS = 0.05


class UnhurriedEditor(Editor):
    """The real editor, which can be watched."""

    def live_drag(self, wanted: Callable[[], Steering], settings: DragSettings | None = None) -> Iterator[DragStep]:
        for step in super().live_drag(wanted, settings):
            if step.running:
                time.sleep(STEP_SECONDS)
            yield step


def quick_preset_for(model: stylegan2.Model, published: Mapping[str, Any] | None = None) -> Preset:
    preset = preset_for(model, published)
    return dataclasses.replace(preset, inversion=dataclasses.replace(preset.inversion, steps=STEPS))


if __name__ == "__main__":
    models.preset_for = quick_preset_for
    jobs.Editor = UnhurriedEditor
    sys.exit(backend_main.main())
