"""What a job begins with: the model, the part of the layer that it sees, and the edit that it goes on from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.region import LAYER, Region, box_around, choose_region
from backend.editing.settings import EXACT, with_changes
from backend.editing.steps import InversionProgress
from backend.errors import UserError
from backend.models import models
from backend.server import protocol
from backend.server.log import logger
from backend.server.requests import Job


def shown_region(layer_size: Any, selected: Any, options: Any) -> dict[str, Any]:
    """Return the box of the layer that a drag with these options would show to the model.

    Args:
        layer_size: [width, height].
        selected: the box [x, y, width, height] around what is selected, or None.
        options: as a drag's.

    Returns:
        {"region": [x, y, width, height]}; None in it when that is not known yet.

    Raises:
        UserError: the request makes no sense.
    """
    place, chosen = protocol.read_place(layer_size, selected), protocol.read_options(options)
    model = next((model for model in models.offered() if model.name == (chosen.model or models.EMBEDDED)), None)
    if model is None or model.size is None:  # a file that was not opened yet
        return {"region": None}
    width, height = place.layer_size
    region = choose_region((height, width), model.size, place.selected, chosen.region, model.band)
    return {"region": list(region.box)}


def model_of(edit: EditState | None) -> str:
    """The model that an edit names, where it is one of those offered, else the embedded one.

    A layer from elsewhere can name anything, the path of a file, too.
    """
    return edit.model_name if edit is not None and edit.model_name in models.available() else models.EMBEDDED


def usable(job: Job, editor: Editor) -> EditState | None:
    """Return the job's edit if this drag can go on from it: same model and place, and all drags inside its region."""
    edit = job.edit
    if edit is None or job.options.region != LAYER:
        return None
    try:
        edit.region.check_inside(job.drags)
        return editor.check_state(edit, job.image)
    except UserError as error:
        logger.info("The layer's edit is left aside: %s", error)
        return None


def opening_of(job: Job, editor: Editor, region: Region) -> Iterable[InversionProgress]:
    """The steps to the open edit: of an inversion, or of what is still to be done where there is an edit already."""
    likeness = job.options.likeness
    if job.edit is None:
        inversion = with_changes(editor.loaded.preset.inversion, {"steps": job.options.inversion_steps})
        return editor.open_steps(job.image, region, inversion, likeness)
    editor.open_state(job.edit, job.image, job.original)
    return editor.exact_steps() if likeness == EXACT else ()


def region_of(job: Job, editor: Editor) -> Region:
    if job.edit is not None:
        return job.edit.region
    return editor.find_subject(job.image, job.drags, box_around(job.mask), job.options.region)
