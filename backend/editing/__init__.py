"""The drag engine: inversion, motion supervision, point tracking and compositing.  Knows nothing of Gradio or GIMP."""

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.frame import Frame
from backend.editing.points import Drag
from backend.editing.region import Region, choose_region
from backend.editing.settings import DragSettings, InversionSettings
from backend.editing.steps import DragStep, EditResult, InversionProgress

__all__ = [
    "Drag",
    "DragSettings",
    "DragStep",
    "EditResult",
    "EditState",
    "Editor",
    "Frame",
    "InversionProgress",
    "InversionSettings",
    "Region",
    "choose_region",
]
