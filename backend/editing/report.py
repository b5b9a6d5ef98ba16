"""The report of an edit: plain data for the report file and the plug-in."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from backend.editing.drag_loop import LoopStep
from backend.editing.edit_state import EditState
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.region import Region
from backend.editing.settings import DragSettings


@dataclasses.dataclass(frozen=True)
class DragRecord:
    """A drag so far.

    Attributes:
        drags: what is asked.
        lengths: [N], the ways from handle to target, in pixels of the model's image.
        end: the step that is shown.
        settings: of the drag.
        seconds: that its steps took.
        how_far: the place of the edit's way that is shown.
    """

    drags: Sequence[Drag]
    lengths: np.ndarray
    end: LoopStep
    settings: DragSettings
    seconds: float
    how_far: float

    def report(self, region: Region) -> dict[str, object]:
        """Steps, seconds, settings, how far along its way the edit is, distances, for each point whether it arrived.

        Distances are the tracker's, given in pixels of the model's image and of the layer.
        """
        return {
            "steps": self.end.step,
            "seconds": round(self.seconds, 3),
            "settings": dataclasses.asdict(self.settings),
            "how_far": self.how_far,
            "distances_start": _both(self.lengths, region),
            "distances_end": _both(self.end.distances, region),
            "points": [self._point(index, region) for index in range(len(self.drags))],
        }

    def _point(self, index: int, region: Region) -> dict[str, object]:
        drag, arrived = self.drags[index], bool(self.end.arrived[index])
        return {
            "handle": list(drag.handle),
            "target": list(drag.target),
            "via": [list(point) for point in drag.via],
            "end": [round(float(value), 2) for value in region.to_layer(self.end.points[index])],
            "pin": drag.is_pin,
            "arrived": arrived,
            "why_not": None if arrived else _why_not(drag, self.end, self.settings),
        }


def edit_report(
    loaded: LoadedModel, device: torch.device, state: EditState, inversion_seconds: float, record: DragRecord | None
) -> dict[str, object]:
    """Return the model, its preset, the region, the inversion, the fit, and the last drag if there was one."""
    preset, region = loaded.preset, state.region
    return {
        "model": {
            "name": loaded.name,
            "sha256": loaded.model.sha256,
            "image_size": list(loaded.model.generator.image_size),
        },
        "preset": {"drag": dataclasses.asdict(preset.drag), "inversion": dataclasses.asdict(preset.inversion)},
        "device": str(device),
        "region": list(region.box),
        "frame": region.frame and dataclasses.asdict(region.frame),
        "fit": state.fit,
        "inversion": {
            "psnr": state.inversion_psnr,
            "seconds": round(inversion_seconds, 3),
            "likeness": state.likeness,
        },
        **(record.report(region) if record else {}),
    }


def _both(distances: np.ndarray, region: Region) -> dict[str, list[float]]:
    scale = float(np.mean(region.scale))
    return {
        "model_pixels": [round(float(value), 3) for value in distances],
        "layer_pixels": [round(float(value) * scale, 3) for value in distances],
    }


def _why_not(drag: Drag, end: LoopStep, settings: DragSettings) -> str:
    if drag.is_pin:
        return "the pinned point moved along with the rest"
    if end.stuck:
        return "the drag stopped coming nearer; the selection, the pins or the model hold it back"
    if end.spent:
        return f"the {settings.max_steps} steps were used up; allow more steps"
    return "the drag was stopped"
