"""What the drag window says: what goes on, what can be done now, and how long it takes."""

from __future__ import annotations

from backend.client import Update
from core.drag_session import AS_PULLED, DragSession
from core.gestures import Tool
from core.i18n import _, translated
from core.model_list import time_left

LONG_SECONDS = 3.0  # what takes longer is told how long
SURE = 0.05  # of a phase, after which that can be told
TIPS = {
    Tool.PULL: _("Press on the subject and pull: it follows. A click without pulling holds that point."),
    Tool.PAINT: _("Paint over what may move; the rest is held."),
    Tool.ERASE: _("Paint over what is to be held."),
}


def advice(session: DragSession, update: Update, tool: Tool = Tool.PULL) -> str:
    """Return one or two sentences.

    Args:
        session: what is wanted.
        update: the newest of a drag.
        tool: that is held.
    """
    if update.refused is not None:
        return translated(update.message)
    if session.how_far != AS_PULLED:
        percent = round(100 * session.how_far)
        return _("This is {percent} % of the way. Keep keeps just that.").format(percent=percent)
    if not session.scene.drags or (tool is not Tool.PULL and not update.running):
        return TIPS[tool]
    if not session.pulls:
        return _("The pins hold their points. Pull a point of the picture.")
    if not session.running:
        return _("Place points, then press Start.")
    if update.running:
        return _("The subject follows.")
    return _("It is there, or as near as it comes. Pull on, or keep it.")


def with_time_left(text: str, update: Update, seconds: float) -> str:
    """Return what is said of a phase that lasts, with how long it goes on.

    Args:
        text: what is said of it.
        seconds: since it began.
    """
    fraction = update.fraction
    knows_better = "seconds to go" in update.message  # the backend
    if not fraction or not SURE < fraction < 1 or seconds <= LONG_SECONDS or knows_better:
        return text
    left = time_left(seconds * (1 - fraction) / fraction)
    return _("{what} ({time} left)").format(what=text.rstrip("."), time=left)
